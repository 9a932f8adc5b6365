import * as v from 'valibot';
import type { MigrationView } from '../domain/view.ts';

/** A migration as the API answers it: for the OpenAPI document, and for the client that reads it back. */

const perCent = v.nullable(v.number());
const count = v.object({ requests: v.number(), errors: v.number() });
const side = v.picklist(['source', 'target']);

const evidence = v.pipe(
  v.object({ ln: v.number(), needed: v.number() }),
  v.description('Natural logarithms of the evidence and of what it must reach'),
);

const metricVerdict = {
  kind: v.picklist(['pass', 'fail', 'insufficient', 'error']),
  metric: v.picklist(['errors', 'latency']),
  signals: v.pipe(v.string(), v.description('The source of signals')),
  cause: v.pipe(
    v.picklist([
      'worse',
      'ceiling',
      'proven',
      'common',
      'silent',
      'open',
      'idle',
      'baseline',
      'few',
      'unmeasured',
      'alert',
    ]),
    v.description(
      'common: both sides fail together; silent: nothing arrives at the target; open: neither is shown yet; baseline: no control traffic and nothing to compare with; few: fewer requests than minRequests',
    ),
  ),
  source: v.pipe(count, v.description('Judged requests of this step; for latency, errors are the slow ones')),
  target: count,
  difference: v.pipe(
    v.object({ estimate: v.nullable(v.number()), low: v.number(), high: v.number() }),
    v.description(
      'Rate of the target less that of the source, as fractions, with limits that hold (95 per cent) however often one looks',
    ),
  ),
  margin: v.pipe(v.number(), v.description('How much worse the target may be before the share rises')),
  evidence: v.object({ worse: evidence, over: evidence, proven: evidence }),
  missing: v.pipe(
    v.nullable(v.object({ requests: v.number(), ms: v.number() })),
    v.description('Requests of the target and time until pass at the present rates; null where they do not lead there'),
  ),
  changed: v.pipe(
    v.nullable(v.picklist(['none', 'source', 'target', 'both'])),
    v.description('Which side differs from what the source was before the step; null where that is not known'),
  ),
  noise: v.pipe(
    v.object({ batch: v.number(), minute: v.number() }),
    v.description("Sway of the source's rate beyond chance, as a fraction of the rate"),
  ),
  isAlone: v.pipe(v.boolean(), v.description('No control traffic: compared with what the source was like before')),
  reason: v.string(),
};

const fields = {
  name: v.string(),
  run: v.pipe(v.string(), v.description('One life of the name')),
  revision: v.pipe(v.number(), v.description('Grows with every change')),
  state: v.string(),
  isFinal: v.pipe(v.boolean(), v.description('Nothing happens to it any more')),
  step: v.pipe(v.number(), v.description('1-based; 0 before the first')),
  steps: v.number(),
  route: v.pipe(
    v.nullable(v.string()),
    v.description('The CLB whose route the step moves; null where all routes move together'),
  ),
  share: v.pipe(
    v.object({ asked: v.number(), achieved: perCent, observed: perCent }),
    v.description(
      'Per cent, of the routes that the step moves: what the spec asks, what the weights at the CLB give, what the gateways counted',
    ),
  ),
  ports: v.array(
    v.object({
      loadBalancer: v.string(),
      port: v.number(),
      group: v.string(),
      sourceWeight: v.number(),
      targetWeight: v.number(),
      asked: v.number(),
      share: v.pipe(perCent, v.description('Achieved: what the weights at the CLB give')),
      observed: v.pipe(
        perCent,
        v.description(
          'What was counted at this CLB, all ports together; where no sample names it, at the gateway over all CLBs',
        ),
      ),
    }),
  ),
  subsets: v.array(
    v.object({
      virtualService: v.string(),
      host: v.string(),
      weights: v.pipe(v.record(v.string(), v.number()), v.description('Route weights as they are in the mesh')),
      share: perCent,
    }),
  ),
  verdict: v.pipe(
    v.nullable(
      v.object({
        ...metricVerdict,
        others: v.pipe(
          v.array(v.object(metricVerdict)),
          v.description('The metrics and sources of signals that were found no worse'),
        ),
        findings: v.pipe(v.array(v.string()), v.description('What is wrong with the programs that count, in words')),
      }),
    ),
    v.description('On the step under way, by its worst metric; null before the first look'),
  ),
  differences: v.pipe(
    v.nullable(v.string()),
    v.description('What the last look found different from what was written'),
  ),
  probes: v.array(
    v.object({ probe: v.string(), side, failuresInRow: v.number(), askedAtMs: v.number(), detail: v.string() }),
  ),
  entries: v.pipe(
    v.array(
      v.object({
        loadBalancer: v.string(),
        port: v.number(),
        isOk: v.pipe(v.nullable(v.boolean()), v.description('null: it could not be asked from where Sluice runs')),
        detail: v.string(),
        askedAtMs: v.number(),
      }),
    ),
    v.description("What each listener answered at its CLB's own address, once the target had weight; decides nothing"),
  ),
  leftovers: v.pipe(
    v.array(
      v.object({
        loadBalancer: v.string(),
        side,
        connections: v.pipe(
          v.nullable(v.number()),
          v.description('Connections still open; null where no sample says it'),
        ),
        requests: v.pipe(
          v.nullable(v.number()),
          v.description('Requests of the last minute, direct ones left out; null where nobody has counted since'),
        ),
        direct: v.pipe(
          v.nullable(v.number()),
          v.description(
            'Requests of the last minute that came past every CLB, of the whole side; null where no sample says it, and requests may hold such ones',
          ),
        ),
        countedAt: v.pipe(
          v.picklist(['loadBalancer', 'gateway']),
          v.description('gateway: connections and requests are of the whole side, as no sample tells its CLBs apart'),
        ),
        countedAtMs: v.pipe(v.nullable(v.number()), v.description('When it was counted; null where nobody counts')),
      }),
    ),
    v.description('What still reaches the side with weight 0, by CLB, while a migration is at its end'),
  ),
  rehearsal: v.nullable(
    v.object({
      measured: v.array(
        v.object({
          what: v.picklist(['shift', 'rollback', 'glass']),
          share: v.number(),
          writes: v.nullable(v.number()),
          ms: v.pipe(v.number(), v.description('From the first write until it was verified')),
        }),
      ),
      glass: v.nullable(v.object({ ms: v.nullable(v.number()), problem: v.nullable(v.string()) })),
      writeMs: v.nullable(v.number()),
    }),
  ),
  waitingFor: v.pipe(v.nullable(v.string()), v.description('What it waits for now')),
  reason: v.pipe(v.nullable(v.string()), v.description('Why it is in this state')),
  gate: v.nullable(v.object({ id: v.string(), expiresAt: v.nullable(v.string()) })),
  allowed: v.pipe(v.array(v.string()), v.description('Verbs that this state allows')),
  createdAt: v.string(),
  updatedAt: v.string(),
};

/** Without the spec: a line of the list. */
const summarySchema = v.object(fields);
export type MigrationSummary = Omit<MigrationView, 'spec'>;

export const viewSchema = v.object({
  ...fields,
  spec: v.pipe(v.record(v.string(), v.unknown()), v.description('The resolved spec that was pinned at the start')),
});

export const listSchema = v.object({
  migrations: v.array(summarySchema),
  unreadable: v.pipe(
    v.array(v.object({ name: v.string(), message: v.string() })),
    v.description('Stored records that cannot be read; they are left as they are'),
  ),
});

export const historySchema = v.object({
  history: v.array(
    v.object({
      at: v.string(),
      run: v.string(),
      revision: v.number(),
      kind: v.string(),
      text: v.string(),
      actor: v.nullable(v.string()),
    }),
  ),
});
export type HistoryAnswer = v.InferOutput<typeof historySchema>;

const traceCount = v.object({ requests: v.number(), errors: v.number() });

/** `GET .../trace`: lines that `sluice judge` reads. */
export const traceSchema = v.object({
  signals: v.pipe(v.string(), v.description('The source of signals that the judge was fed from')),
  trace: v.array(
    v.object({
      at: v.pipe(v.number(), v.description('End of what is counted here, seconds since 1970')),
      source: traceCount,
      target: traceCount,
      share: v.exactOptional(v.pipe(v.number(), v.description('Per cent asked from this line on, where it changes'))),
      next: v.exactOptional(v.pipe(v.number(), v.description('The share after that'))),
      judgedFrom: v.exactOptional(v.pipe(v.number(), v.description('The step is judged from then on'))),
      from: v.exactOptional(
        v.pipe(v.number(), v.description('Begin of what is counted, where it is not the line before')),
      ),
    }),
  ),
});
export type TraceAnswer = v.InferOutput<typeof traceSchema>;

export const problemSchema = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.string(),
  problems: v.optional(v.array(v.object({ path: v.string(), line: v.optional(v.number()), message: v.string() }))),
  state: v.optional(v.string()),
  allowedIn: v.optional(v.array(v.string())),
});

const time = v.pipe(v.string(), v.description('RFC 3339'));
const counted = (description: string) => v.nullable(v.pipe(v.number(), v.description(description)));

/** `GET .../quiet`. */
export const quietSchema = v.object({
  from: time,
  to: time,
  isCounted: v.pipe(v.boolean(), v.description('Somebody counted all of that time')),
  requests: counted('At the source, whichever way they came; null where nobody counted'),
  direct: counted('Of these, those that came past every CLB; null where not every sample tells'),
  connections: counted('Open at the last count; null where no sample tells'),
});
export type QuietAnswer = v.InferOutput<typeof quietSchema>;
