import * as v from 'valibot';
import { type FaultKind, type FaultPlace, faultKinds, faultPlaces } from '../faults.ts';

/** Which kinds of fault a place knows; another pair would be accepted and do nothing, so it is refused. */
const kindsOfPlace: Readonly<Record<FaultPlace, readonly FaultKind[]>> = {
  ack: ['error', 'delay', 'drop', 'stall'],
  asm: ['error', 'delay', 'drop', 'stall'],
  controller: ['error', 'delay', 'drop', 'stall', 'duplicate'],
  mesh: ['error', 'delay', 'drop', 'stall', 'duplicate'],
  clb: ['error', 'delay', 'drop', 'stall'],
  redis: ['delay', 'drop', 'stall'],
  functions: ['error', 'delay', 'drop', 'stall', 'duplicate', 'kill'],
  chat: ['error', 'delay', 'drop', 'stall'],
};

const whole = (from: number, to: number) => v.pipe(v.number(), v.integer(), v.minValue(from), v.maxValue(to));
const portion = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

/** `PUT /gateways/{side}`: what is absent stays as it is. */
export const gatewaySchema = v.strictObject({
  errorRate: v.exactOptional(portion),
  latencyMs: v.exactOptional(whole(0, 60_000)),
  probes: v.exactOptional(v.boolean()),
  backends: v.exactOptional(whole(1, 200)),
});

/** `PUT /subsets/{namespace}/{host}/{subset}`: what is absent stays as it is. */
export const subsetSchema = v.strictObject({ errorRate: v.exactOptional(portion) });

/** `PUT /clients`: what is absent stays as it is. */
export const clientsSchema = v.strictObject({
  ratePerSecond: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(2000))),
  connections: v.exactOptional(whole(1, 500)),
  direct: v.exactOptional(
    v.pipe(
      v.number(),
      v.minValue(0),
      v.maxValue(2000),
      v.description("Requests a second that callers inside the cluster send straight to the source's pods"),
    ),
  ),
});

const faultSchema = v.pipe(
  v.strictObject({
    where: v.picklist(faultPlaces),
    kind: v.picklist(faultKinds),
    rate: v.exactOptional(portion),
    status: v.exactOptional(whole(400, 599)),
    forMs: v.exactOptional(whole(0, 86_400_000)),
  }),
  v.forward(
    v.check(
      ({ where, kind }) => kindsOfPlace[where].includes(kind),
      ({ input }) => `"${input.kind}" does nothing at ${input.where} (there: ${kindsOfPlace[input.where].join(', ')})`,
    ),
    ['kind'],
  ),
);

/** `PUT /faults`: the whole list, it replaces the one before. */
export const faultsSchema = v.pipe(v.array(faultSchema), v.maxLength(100));

export type GatewayChange = v.InferOutput<typeof gatewaySchema>;
export type SubsetChange = v.InferOutput<typeof subsetSchema>;
export type ClientsChange = v.InferOutput<typeof clientsSchema>;
export type FaultList = v.InferOutput<typeof faultsSchema>;

/** Every mistake of a body, each with its path. */
export function mistakesOf(issues: readonly v.BaseIssue<unknown>[]): readonly string[] {
  return issues.map((issue) => `${v.getDotPath(issue) ?? 'body'}: ${issue.message}`);
}
