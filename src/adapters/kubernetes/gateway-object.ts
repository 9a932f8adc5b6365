import * as v from 'valibot';
import { serverlessKey } from '../../domain/gateway/shape.ts';
import { TerminalError } from '../../ports/errors.ts';

export const gatewayResource = {
  group: 'istio.alibabacloud.com',
  version: 'v1beta1',
  plural: 'istiogateways',
} as const;

const annotations = v.optional(v.nullable(v.record(v.string(), v.string())));
const managedFields = v.optional(
  v.array(
    v.object({
      manager: v.optional(v.string()),
      time: v.optional(v.union([v.string(), v.date()])),
      fieldsV1: v.optional(v.unknown()),
    }),
  ),
);

/** The parts of an IstioGateway that are read (reference C2); an annotation whose value is no string is refused. */
const gatewaySchema = v.object({
  metadata: v.object({ resourceVersion: v.string(), annotations, managedFields }),
  spec: v.optional(
    v.object({
      clusterIds: v.optional(v.nullable(v.array(v.string()))),
      serviceAnnotations: annotations,
      overrides: v.optional(v.nullable(v.record(v.string(), v.object({ serviceAnnotations: annotations })))),
    }),
    {},
  ),
});

export type GatewayObject = v.InferOutput<typeof gatewaySchema>;

/** @throws TerminalError where the object is not an IstioGateway as described */
export function parseGateway(object: unknown, name: string): GatewayObject {
  const parsed = v.safeParse(gatewaySchema, object);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new TerminalError(
    `IstioGateway ${name}: ${v.getDotPath(issue) ?? 'the object'}: ${issue.message.slice(0, 200)}`,
  );
}

/** Its pods are the mesh's own, and none is in a cluster of the user's (reference C3). */
export function isServerless({ metadata }: GatewayObject): boolean {
  return metadata.annotations?.[serverlessKey] === 'true';
}

/** Annotations of each override that has its own: these clusters do not read the gateway's (reference C2). */
export function overridesOf(gateway: GatewayObject): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return Object.fromEntries(
    Object.entries(gateway.spec.overrides ?? {}).flatMap(([clusterId, override]) =>
      override.serviceAnnotations ? [[clusterId, override.serviceAnnotations]] : [],
    ),
  );
}
