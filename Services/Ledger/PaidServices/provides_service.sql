-- revision 1
-- Whether an account is of somebody who provides paid services.
create or replace function provides_service(payee uuid) returns boolean language sql stable
return exists (select from account a where a.id = payee and a.kind = 'provider');
