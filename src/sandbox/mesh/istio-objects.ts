import * as v from 'valibot';

/** An object as an API server gives it; what is in its spec is for readSpecs to find out. */
export interface IstioObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly creationTimestamp?: string | Date;
  };
  readonly spec?: unknown;
}

const routeSchema = v.object({
  destination: v.object({ host: v.string(), subset: v.optional(v.string()) }),
  weight: v.optional(v.pipe(v.number(), v.minValue(0))),
});

const httpSchema = v.object({
  match: v.optional(v.array(v.record(v.string(), v.unknown())), []),
  route: v.optional(v.array(routeSchema), []),
});

const virtualServiceSchema = v.object({
  hosts: v.array(v.string()),
  gateways: v.optional(v.array(v.string()), []),
  http: v.optional(v.array(httpSchema), []),
});

const destinationRuleSchema = v.object({
  host: v.string(),
  subsets: v.optional(
    v.array(v.object({ name: v.string(), labels: v.optional(v.record(v.string(), v.string()), {}) })),
    [],
  ),
});

export type VirtualServiceSpec = v.InferOutput<typeof virtualServiceSchema>;
export type DestinationRuleSpec = v.InferOutput<typeof destinationRuleSchema>;
export type HttpRoute = v.InferOutput<typeof httpSchema>;

/** A spec and the namespace in which its short host names are looked up. */
export interface Placed<T> {
  readonly namespace: string;
  readonly spec: T;
}

/** The oldest first, as Istio lets the older of two that say something of one host win. */
export function virtualServicesIn(objects: readonly IstioObject[]): readonly Placed<VirtualServiceSpec>[] {
  return readSpecs(virtualServiceSchema, objects);
}

/** The oldest first. */
export function destinationRulesIn(objects: readonly IstioObject[]): readonly Placed<DestinationRuleSpec>[] {
  return readSpecs(destinationRuleSchema, objects);
}

/** What the real API server's webhook would have refused is as if it were not there. */
function readSpecs<T>(schema: v.GenericSchema<unknown, T>, objects: readonly IstioObject[]): readonly Placed<T>[] {
  return objects.toSorted(byAge).flatMap(({ metadata, spec }) => {
    const read = v.safeParse(schema, spec);
    return read.success ? [{ namespace: metadata?.namespace ?? 'default', spec: read.output }] : [];
  });
}

function byAge(one: IstioObject, other: IstioObject): number {
  const bornMs = ({ metadata }: IstioObject): number => new Date(metadata?.creationTimestamp ?? 0).getTime();
  const key = ({ metadata }: IstioObject): string => `${metadata?.namespace}/${metadata?.name}`;
  return bornMs(one) - bornMs(other) || (key(one) < key(other) ? -1 : 1);
}
