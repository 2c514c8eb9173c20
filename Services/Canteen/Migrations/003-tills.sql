-- What a till is called is told to others, with a version that grows with every change (canteen.till.changed.v1).
alter table till add column version bigint not null default 1;
