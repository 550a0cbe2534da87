"""What the database's catalog says about tables, as one role sees them."""

from collections.abc import Mapping
from dataclasses import dataclass

from local_stack.realtime.database import Database
from local_stack.realtime.replication import PUBLICATION

# A value of one of the `exact` types equals another just when their text forms are equal.
_COLUMNS = """
select
  a.attname, t.typname, format_type(a.atttypid, -1),
  t.typtype = 'e' or (
    a.atttypid = any ('{bool,int2,int4,int8,oid,uuid,text,varchar,name,date,timestamp,timestamptz}'
      ::regtype[])
    and coalesce((select c.collisdeterministic from pg_collation as c where c.oid = a.attcollation),
      true)
  ),
  t.typtype in ('d', 'c') or t.typcategory = 'A' or exists (
    select from pg_cast as k
    where k.castsource = t.oid and k.castmethod = 'f'
      and k.casttarget = any ('{json,jsonb}'::regtype[]) and t.oid >= 16384
  ),
  coalesce(a.attnum = any (i.indkey), false),
  has_column_privilege(%(role)s::name, a.attrelid, a.attnum, 'select'),
  r.relrowsecurity
from pg_attribute as a
join pg_class as r on r.oid = a.attrelid
join pg_type as t on t.oid = a.atttypid
left join pg_index as i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = %(oid)s and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""

_PUBLISHED = """
select format('%%I.%%I', p.schemaname, p.tablename)::regclass::oid
from pg_publication_tables as p
where p.pubname = %(publication)s
  and %(schema)s::text in (p.schemaname::text, '*') and %(table)s::text in (p.tablename::text, '*')
"""

_ROLE = """
select exists (
  select from pg_roles where rolname = %(role)s::text and pg_has_role(current_user, oid, 'member')
)
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what the role may do with it."""

    name: str
    type_name: str
    """As in pg_type, such as `int4`; `_int4` is its array."""
    sql_type: str
    """As a cast takes it, such as `integer[]`."""
    exact: bool
    """Whether equal values have equal texts."""
    composed: bool
    """Whether only PostgreSQL can write the value as JSON."""
    in_key: bool
    selectable: bool


@dataclass(frozen=True, slots=True)
class TableView:
    """A table as one role sees it."""

    columns: Mapping[str, Column]
    row_security: bool

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return tuple(column.name for column in self.columns.values() if column.in_key)

    @property
    def refusal(self) -> str | None:
        """Why no change of this table can be checked for the role, in the words of Supabase."""
        if not self.key:
            return "Error 400: Bad Request, no primary key"
        if not all(self.columns[name].selectable for name in self.key):
            return "Error 401: Unauthorized"
        return None


class Catalog:
    """Reads the catalog; keeps nothing, for any migration may change it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def role_exists(self, role: str) -> bool:
        """Whether the role is one that API requests may act as."""
        return bool((await self._database.rows(_ROLE, {"role": role}))[0][0])

    async def published(self, schema: str, table: str) -> list[int]:
        """The object ids of the publication's tables of these names; `*` is any name."""
        wanted = {"publication": PUBLICATION, "schema": schema, "table": table}
        return [row[0] for row in await self._database.rows(_PUBLISHED, wanted)]

    async def view(self, oid: int, role: str) -> TableView | None:
        """The table as the role sees it now, or None if it has been dropped."""
        rows = await self._database.rows(_COLUMNS, {"oid": oid, "role": role})
        if not rows:
            return None
        columns = {row[0]: Column(*row[:7]) for row in rows}
        return TableView(columns, row_security=rows[0][7])
