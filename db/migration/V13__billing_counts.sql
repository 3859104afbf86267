-- What comparing Kling's deductions with our charges came to, counted once by the round that read them.
alter table billing_round
  add column unmatched_kling     bigint,
  add column unmatched_ours      bigint,
  add column unmatched_different bigint;

-- Several packs may pay for one task at one moment: what each gave, by its id; amount is their sum.
alter table kling_deduction add column by_pack jsonb;
