-- What tasks cost in money, and what their failures were.

alter table task
  -- The list price of units_expected when it was submitted.
  add column amount_expected numeric,
  -- What Kling took where it took money instead of units.
  add column amount          numeric,
  -- Of both.
  add column currency        text,
  -- Not valid for what is there: no row has one, and reading them all would hold up everybody.
  add constraint task_currency check (length(currency) between 1 and 8) not valid,
  -- input, policy, balance, capacity, kling, expired, canceled, ours: which words there are is the code's to say.
  add column error_class     text,
  -- Whether the same request may succeed another time; null where nobody knows.
  add column retryable       boolean;

alter table tenant add column amount_per_month numeric check (amount_per_month >= 0);
