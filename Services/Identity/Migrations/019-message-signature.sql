-- What stands under the messages that somebody writes (ID-23, MS-08); those who read them read it, nobody else.
alter table contact
    add column signature text,
    add constraint contact_signature_short check (char_length(signature) between 1 and 300);
