do $$
begin
  if exists (select from unfinished_claims) then
    raise exception 'there are claims made in SQL whose claim build is still to come' using
      errcode = 'foreign_key_violation', detail = 'A daemon that runs for a moment finishes them.';
  end if;
end $$;
drop function claim_prebuild(uuid, uuid, text);
