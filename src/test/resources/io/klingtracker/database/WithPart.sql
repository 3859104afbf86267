-- ${comments} are no parts.
with ${given}
select * from given where status = '${status}'
