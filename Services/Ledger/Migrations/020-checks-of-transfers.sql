-- What a transfer has to say is checked by `check_transfers` (Books/check_transfers.sql), under the same names. Constraints of a table
-- are read anew from their text for every statement: these were a sixth of what a charge by itself costs.
alter table transfer
    drop constraint transfer_kind_known,
    drop constraint transfer_purchase_known,
    drop constraint transfer_charge_says_purchase,
    drop constraint transfer_method_known,
    drop constraint transfer_top_up_says_how,
    drop constraint transfer_desk_gives_receipt,
    drop constraint transfer_reversal_names_charge,
    drop constraint transfer_refund_names_charge,
    drop constraint transfer_refund_takes_two,
    drop constraint transfer_return_names_top_up,
    drop constraint transfer_in_family_names_other;
