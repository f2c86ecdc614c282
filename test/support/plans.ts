/** A step of a plan, as PostgreSQL explains it. */
export type PlanNode = {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly PlanNode[];
};

type Statement = string | { text: string; values?: unknown[] };
type Queryable = { query(statement: Statement, values?: unknown[]): Promise<{ rows: unknown[] }> };

/** A step and all that are below it. */
export const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** The same connection, whose statements are explained before they run; their plans go into `plans`. */
export function explaining<T>(connection: T, plans: PlanNode[][]): T {
  const client = connection as Queryable;
  const query = async (statement: Statement, given?: unknown[]) => {
    const { text, values } = typeof statement === "string" ? { text: statement, values: given } : statement;
    if (/^\s*(with|select)/.test(text)) {
      const { rows } = await client.query(`explain (format json) ${text}`, values);
      const [row] = rows as { "QUERY PLAN": [{ Plan: PlanNode }] }[];
      if (row) plans.push(nodesOf(row["QUERY PLAN"][0].Plan));
    }
    return client.query(text, values);
  };
  return Object.assign(Object.create(connection as object), { query });
}
