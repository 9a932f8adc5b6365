import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { restartingFields } from '../../domain/gateway/restarts.ts';
import { serverlessKey } from '../../domain/gateway/shape.ts';
import type { FieldDigests } from '../../domain/gateway-change.ts';
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

export type GatewayObject = v.InferOutput<typeof gatewaySchema> & {
  /** Of the fields that restart the gateway's pods. */
  readonly restarting: FieldDigests;
};

/** @throws TerminalError where the object is not an IstioGateway as described */
export function parseGateway(object: unknown, name: string): GatewayObject {
  const parsed = v.safeParse(gatewaySchema, object);
  if (parsed.success) return { ...parsed.output, restarting: digestsOf(object) };
  const [issue] = parsed.issues;
  throw new TerminalError(
    `IstioGateway ${name}: ${v.getDotPath(issue) ?? 'the object'}: ${issue.message.slice(0, 200)}`,
  );
}

const digestCharacters = 16;

function digestsOf(object: unknown): FieldDigests {
  const fields = Object.entries(restartingFields(object)).map(([path, value]) => {
    const digest = createHash('sha256').update(JSON.stringify(value)).digest('hex');
    return [path, digest.slice(0, digestCharacters)] as const;
  });
  return Object.fromEntries(fields);
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
