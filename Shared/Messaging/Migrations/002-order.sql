-- Whose fact a row tells of: what is put off holds back what was said about the same aggregate after it.
alter table outbox add column partition_key uuid;

-- The few rows that were put off; their number is what it costs to look for them.
create index outbox_put_off on outbox (exchange, partition_key) where try_after > '-infinity';
