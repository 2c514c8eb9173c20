-- The report between supplier and payment agent reads a period of all movements (SC-08, AC-14). Movements are only ever
-- added, one after the other in time, so a few words per hundred pages find them; a sale pays nothing for it.
create index transfer_made_at on transfer using brin (made_at) with (pages_per_range = 32);
