
-- Supabase lets postgres own the queues that its migrations create.
grant all on schema pgmq to postgres with grant option;
grant all on all tables in schema pgmq to postgres with grant option;
grant all on all sequences in schema pgmq to postgres with grant option;
grant execute on all functions in schema pgmq to postgres with grant option;
