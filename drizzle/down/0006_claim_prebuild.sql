drop function claim_prebuild(uuid, uuid, text);
