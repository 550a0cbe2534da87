"""The embedded stack: Supabase's parts, spoken on one machine without Docker."""
