import * as v from 'valibot';
import type { Baseline } from '../../domain/baseline.ts';
import { TerminalError, UnreadableRecordError } from '../../ports/errors.ts';

/** Well below what a ConfigMap may hold (1 MiB), and far above what the largest migration needs. */
const charactersMax = 256 * 1024;

const weight = v.nullable(v.pipe(v.string(), v.maxLength(64)));
const weights = v.object({ weight, overrides: v.record(v.string(), weight) });
const name = v.pipe(v.string(), v.nonEmpty(), v.maxLength(253));
const service = v.object({ kind: v.literal('service'), cluster: name, namespace: name, name });
const gateway = v.object({ kind: v.literal('gateway'), mesh: name, namespace: name, name });
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const identity = v.object({
  cluster: name,
  clusterId: name,
  namespace: name,
  name,
  mode: v.picklist(['eni', 'cluster', 'local']),
});
const services = v.pipe(v.array(identity), v.maxLength(100));

const split = v.record(name, whole);
const subsets = v.pipe(
  v.array(
    v.object({
      route: v.object({
        mesh: name,
        virtualService: v.object({ namespace: name, name }),
        host: name,
        from: v.pipe(v.array(name), v.minLength(1), v.maxLength(100)),
        to: name,
      }),
      split,
      services,
      sourcePods: whole,
    }),
  ),
  v.maxLength(100),
);

const schema = v.object({
  format: v.literal(1),
  baseline: v.pipe(
    v.object({
      name,
      run: name,
      takenAtMs: whole,
      patience: v.object({ capacityMs: whole, breakGlassMs: whole, deadManMs: whole }),
      routes: v.pipe(
        v.array(
          v.object({
            route: v.object({
              loadBalancer: name,
              source: service,
              target: v.variant('kind', [service, gateway]),
              ports: v.pipe(v.array(v.object({ port: whole, group: name })), v.maxLength(100)),
            }),
            source: weights,
            target: weights,
            services: v.object({ source: services, target: services }),
            sourcePods: whole,
          }),
        ),
        v.maxLength(100),
      ),
      // What a version before kept has none.
      subsets: v.optional(subsets, []),
    }),
    v.check(({ routes, subsets }) => routes.length + subsets.length > 0, 'moves nothing'),
  ),
});

/** The kept form, readable by people and by a later version. @throws TerminalError where it is too large */
export function formatBaseline(baseline: Baseline): string {
  const text = JSON.stringify({ format: 1, baseline }, null, 2);
  if (text.length > charactersMax) throw new TerminalError(`the baseline is larger than ${charactersMax} characters`);
  return text;
}

/** @throws UnreadableRecordError where the text is not a baseline of this format: nothing is restored from a guess */
export function parseBaseline(text: string, where: string): Baseline {
  if (text.length > charactersMax) throw new UnreadableRecordError(`${where}: larger than ${charactersMax} characters`);
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new UnreadableRecordError(`${where}: not JSON`);
  }
  const parsed = v.safeParse(schema, raw);
  if (parsed.success) return parsed.output.baseline;
  const [issue] = parsed.issues;
  throw new UnreadableRecordError(`${where}: ${v.getDotPath(issue) ?? 'the text'}: ${issue.message.slice(0, 200)}`);
}
