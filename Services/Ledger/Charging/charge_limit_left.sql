-- revision 1
-- What may still be spent today (AC-07); null where there is no limit.
create or replace function charge_limit_left(daily_limit bigint, spent bigint, spent_on date, business_on date)
returns bigint language sql immutable parallel safe
-- `greatest` would make a sum of no limit at all.
return case
    when daily_limit is not null then greatest(daily_limit - case when spent_on = business_on then spent else 0 end, 0)
end;
