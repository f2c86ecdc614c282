drop table custom_roles;
