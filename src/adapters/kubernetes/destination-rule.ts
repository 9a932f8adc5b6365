import * as v from 'valibot';
import { fullHost } from '../../domain/mesh-object.ts';

const schema = v.object({
  metadata: v.object({ namespace: v.optional(v.string(), 'default') }),
  spec: v.optional(
    v.object({
      host: v.optional(v.string(), ''),
      subsets: v.optional(
        v.nullable(
          v.array(v.object({ name: v.string(), labels: v.optional(v.nullable(v.record(v.string(), v.string())), {}) })),
        ),
        [],
      ),
    }),
    {},
  ),
});

/** Labels of the subsets that DestinationRules define for a host, by the subset's name. */
export function subsetLabels(
  rules: readonly unknown[],
  host: string,
  namespace: string,
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const labels: Record<string, Readonly<Record<string, string>>> = {};
  for (const rule of rules) {
    const parsed = v.safeParse(schema, rule);
    if (!parsed.success) continue;
    const { metadata, spec } = parsed.output;
    if (fullHost(spec.host, metadata.namespace) !== fullHost(host, namespace)) continue;
    for (const subset of spec.subsets ?? []) labels[subset.name] = subset.labels ?? {};
  }
  return labels;
}
