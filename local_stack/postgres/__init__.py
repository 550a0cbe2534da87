"""PostgreSQL 17 with the roles, schemas and extensions that a Supabase database has."""
