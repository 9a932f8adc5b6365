import * as v from 'valibot';
import type { DryRun } from '../engine/plan.ts';
import { checkStatuses } from '../engine/preflight/check.ts';

/** A dry run as the API answers it: for the OpenAPI document, and for the client that reads it back. */

const share = v.nullable(v.number());
const side = v.picklist(['source', 'target']);
const bothSides = <Schema extends v.GenericSchema>(schema: Schema) => v.object({ source: schema, target: schema });

const remedy = v.object({
  kind: v.picklist(['eni-backends', 'local-policy', 'fewer-target-replicas', 'backend-label']),
  sides: v.array(side),
  count: v.pipe(
    v.nullable(v.number()),
    v.description('Ready replicas or nodes that a side is to have in each cluster'),
  ),
  achieved: v.pipe(v.number(), v.description('Per cent that the step would then give')),
  reachable: v.boolean(),
  text: v.string(),
});

const step = v.object({
  asked: v.number(),
  weights: v.pipe(
    v.nullable(bothSides(v.number())),
    v.description('The annotations that come nearest; null where a side has no backends'),
  ),
  achieved: v.pipe(share, v.description('What these weights give at the CLB')),
  reachable: v.pipe(v.boolean(), v.description('Within the tolerance on every port, and no rule forbids the way')),
  reason: v.pipe(v.nullable(v.string()), v.description('Why it is not reachable')),
  backendWeights: v.pipe(bothSides(v.array(v.number())), v.description('What each backend would hold at the CLB')),
  between: v.pipe(
    v.nullable(v.object({ first: side, share })),
    v.description('The share while only the first of two writes is made; null where one write does it all'),
  ),
  writes: v.pipe(v.array(side), v.description('The sides that are written, in this order')),
  requests: v.pipe(
    v.nullable(v.number()),
    v.description('Requests that the target gets in this step at the present rate, on all ports together'),
  ),
  earliestEnd: v.pipe(
    v.nullable(v.string()),
    v.description('When it can have passed at the earliest; shifts count as instant where nobody measured them'),
  ),
  remedies: v.pipe(
    v.array(remedy),
    v.description('Changes that bring a step that is not reachable nearer, counted through'),
  ),
});

const sidePlan = v.object({
  backends: v.number(),
  mode: v.picklist(['eni', 'cluster', 'local']),
  weight: v.pipe(v.nullable(v.string()), v.description('The annotation as it is now, null where it is absent')),
});

const port = v.object({
  port: v.number(),
  group: v.string(),
  source: sidePlan,
  target: sidePlan,
  smallestShare: v.pipe(share, v.description('The smallest share above 0 that any weights give')),
  steps: v.array(step),
});

const split = v.pipe(v.record(v.string(), v.number()), v.description('Route weights by subset'));
const splitPlan = v.object({
  virtualService: v.string(),
  exists: v.pipe(v.boolean(), v.description('Made with the split of today where it does not')),
  host: v.string(),
  from: v.array(v.string()),
  to: v.string(),
  today: v.nullable(v.object({ weights: split, share })),
  steps: v.array(
    v.object({
      asked: v.number(),
      weights: v.nullable(split),
      achieved: share,
      reachable: v.boolean(),
      reason: v.nullable(v.string()),
      requests: v.nullable(v.number()),
      earliestEnd: v.nullable(v.string()),
    }),
  ),
});

const place = v.object({ object: v.string(), field: v.string(), value: v.nullable(v.string()) });
const check = v.object({
  id: v.pipe(v.string(), v.description('What is checked: the same word on every route')),
  status: v.pipe(
    v.picklist(checkStatuses),
    v.description(
      'Only fail refuses a start; unknown: it could not be read, and found says which permission is missing',
    ),
  ),
  found: v.pipe(v.string(), v.description('What was found, in words for people')),
  at: v.pipe(v.nullable(place), v.description('The same for programs; null where it is of no single field')),
  why: v.pipe(v.string(), v.description('Why it matters')),
  remedy: v.pipe(v.nullable(v.string()), v.description('A command that can be pasted, null where none helps')),
});

export const dryRunSchema = v.object({
  plan: v.object({
    plannedAt: v.string(),
    subsets: v.pipe(v.array(splitPlan), v.description('Subsets of hosts in the mesh, instead of routes')),
    routes: v.array(v.object({ loadBalancer: v.string(), ports: v.array(port) })),
    requestsPerSecond: v.pipe(v.nullable(v.number()), v.description('What both sides counted last')),
    writeMs: v.pipe(
      v.nullable(v.number()),
      v.description('How long a write takes here until it is verified, as a rehearsal or a run before measured it'),
    ),
    advice: v.pipe(
      v.array(v.object({ step: v.pipe(v.number(), v.description('1-based')), text: v.string() })),
      v.description('Changes of the file that would make the verdicts better; nothing is refused for want of them'),
    ),
  }),
  preflight: v.object({
    checks: v.array(check),
  }),
}) satisfies v.GenericSchema<unknown, DryRun>;
