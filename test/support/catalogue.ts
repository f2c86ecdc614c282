import type pg from "pg";

/** Everything that a migration can make, each with its full definition. */
const OBJECTS = `
  with ours as (
    select oid, nspname from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema'
  )
  select 'schema ' || nspname as object, '' as definition from ours where nspname <> 'public'
  union all
  select format('relation %s.%s', n.nspname, c.relname),
    format('%s %s', c.relkind, coalesce(pg_get_viewdef(case when c.relkind in ('v', 'm') then c.oid end), ''))
  from pg_class c join ours n on n.oid = c.relnamespace
  union all
  select format('column %s.%s.%s', n.nspname, c.relname, a.attname),
    format('%s: %s%s%s%s default %s',
      (select count(*) from pg_attribute b where b.attrelid = a.attrelid and b.attnum between 1 and a.attnum and not b.attisdropped),
      format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' end,
      nullif(' identity ' || a.attidentity::text, ' identity '), nullif(' generated ' || a.attgenerated::text, ' generated '),
      pg_get_expr(d.adbin, d.adrelid))
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
  join ours n on n.oid = c.relnamespace
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped
  union all
  select format('index %s.%s', n.nspname, c.relname), pg_get_indexdef(c.oid)
  from pg_class c join ours n on n.oid = c.relnamespace where c.relkind in ('i', 'I')
  union all
  select format('constraint %s on %s', k.conname, coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text)),
    pg_get_constraintdef(k.oid)
  from pg_constraint k join ours n on n.oid = k.connamespace
  union all
  select format('trigger %s on %s', t.tgname, t.tgrelid::regclass), pg_get_triggerdef(t.oid)
  from pg_trigger t where not t.tgisinternal
  union all
  select format('function %s', p.oid::regprocedure), case p.prokind when 'a' then 'aggregate' else pg_get_functiondef(p.oid) end
  from pg_proc p join ours n on n.oid = p.pronamespace
  union all
  select format('type %s.%s', n.nspname, t.typname),
    format('%s %s', t.typtype, (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))
  from pg_type t join ours n on n.oid = t.typnamespace
  union all
  select format('comment on %s', pg_describe_object(classoid, objoid, objsubid)), description
  from pg_description
  where pg_describe_object(classoid, objoid, objsubid) !~ 'pg_catalog' and objoid >= 16384
  union all
  select 'extension ' || extname, extversion from pg_extension
  union all
  select 'event trigger ' || evtname, evtevent from pg_event_trigger`;

/** A database's own objects by name, with their definitions: two equal results are two equal databases. */
export async function readCatalogue(pool: pg.Pool): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query<{ object: string; definition: string }>(
    `select object, coalesce(definition, '') as definition from (${OBJECTS}) all_objects order by object collate "C"`,
  );
  return new Map(rows.map((row) => [row.object, row.definition]));
}
