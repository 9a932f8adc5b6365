import { fieldsOf, listOf } from './gateway/finding.ts';
import { type GatewayPods, isSubset, type LeftOut } from './mesh-config.ts';
import { labelsAt, type MeshObject, placeOfObject, textAt } from './mesh-object.ts';

/** Policies of this namespace hold everywhere (Istio's default root namespace). */
const rootNamespace = 'istio-system';

/** Why a kind is not copied, and what to do about it. */
const reasons: Readonly<Record<string, string>> = {
  EnvoyFilter: 'acts on the source by the inside of its Envoy, which is another version at the target: write it anew',
  AuthorizationPolicy:
    'acts on the source: who may call what is not the same at the target until it is written for its pods',
  RequestAuthentication: 'acts on the source: tokens are not checked at the target until it is written for its pods',
  WasmPlugin: 'acts on the source: write it for the target’s pods, with an image that its cluster can pull',
  Telemetry: 'acts on the source: what the target logs and measures is set in the mesh',
  Sidecar: 'acts on the source’s pods; the mesh has its own',
};

export const reportedKinds: readonly string[] = Object.keys(reasons);

/** What acts on the source's gateway and stays behind. */
export function leftBehind(others: readonly MeshObject[], pods: GatewayPods): readonly LeftOut[] {
  return others
    .filter((one) => actsOn(one, pods))
    .map((one) => ({
      object: placeOfObject(one),
      reason: reasons[one.kind] ?? 'is of a kind that is not copied',
      isNeeded: false,
    }));
}

function actsOn({ spec, metadata: { namespace } }: MeshObject, pods: GatewayPods): boolean {
  if (namespace !== pods.namespace && namespace !== rootNamespace) return false;
  const byWorkload = labelsAt(fieldsOf(spec)['workloadSelector'], 'labels');
  const selector = { ...labelsAt(fieldsOf(spec)['selector'], 'matchLabels'), ...byWorkload };
  return isSubset(selector, pods.labels);
}

/** One certificate that a Gateway names. */
export interface NeededSecret {
  readonly name: string;
  readonly gateway: string;
  /** Its clients' authority as well: in the Secret, or in one of its own. */
  readonly isMutual: boolean;
}

/** The gateway's pods read certificates from their own namespace, whatever that of the Gateway (reference D). */
export function neededSecrets(gateways: readonly MeshObject[]): readonly NeededSecret[] {
  return gateways.flatMap((gateway) =>
    tlsOf(gateway).flatMap((tls) => {
      const name = textAt(tls, 'credentialName');
      const isMutual = ['MUTUAL', 'OPTIONAL_MUTUAL'].includes(textAt(tls, 'mode') ?? '');
      return name === null ? [] : [{ name, gateway: placeOfObject(gateway), isMutual }];
    }),
  );
}

/** Certificates that are files in the gateway's pods: nothing of them can be seen from outside. */
export function fileNotes(gateways: readonly MeshObject[]): readonly string[] {
  return gateways.flatMap((gateway) =>
    tlsOf(gateway).flatMap((tls) => {
      const file = textAt(tls, 'serverCertificate');
      return file === null
        ? []
        : [
            `${placeOfObject(gateway)} reads its certificate from ${file}: the IstioGateway needs secretVolumes that put it there`,
          ];
    }),
  );
}

function tlsOf({ spec }: MeshObject): readonly unknown[] {
  return listOf(spec['servers']).map((server) => fieldsOf(server)['tls']);
}

/** What is known of whether both sides' sidecars and gateways trust each other; null: it could not be read. */
export function trustNotes(sourceRoot: string | null, targetRoot: string | null): readonly string[] {
  const proof = 'prove it with a probe: it asks the target’s gateway at weight 0';
  if (sourceRoot === null || targetRoot === null) {
    return [`whether both meshes have one root certificate (istio-ca-root-cert) could not be read; ${proof}`];
  }
  if (sourceRoot.trim() === targetRoot.trim()) return [];
  return [
    `the root certificates of both meshes differ: backends with sidecars of the source refuse the target’s gateway (CERTIFICATE_VERIFY_FAILED) until both share a root, or the mesh has DestinationRules with tls mode DISABLE and the source PERMISSIVE PeerAuthentications; ${proof}`,
  ];
}
