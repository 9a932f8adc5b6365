import { checkGateway } from './check-gateway.ts';
import { podLabelsOf } from './rules.ts';
import { selects, serviceName, sharingNotes, sharingProblems } from './source-side.ts';
import { type Manifest, type TargetInput, targetGateway } from './target-manifest.ts';

/** Why no gateway can be made of what was found; empty where the manifest may be printed and created. */
export function targetProblems(input: TargetInput): readonly string[] {
  const { gateway, shared } = input;
  const labels = podLabelsOf(gateway.name);
  const found = [
    ...shared.flatMap(sharingProblems),
    ...shared
      .filter(({ source }) => source.namespace === gateway.namespace && source.name === `istio-${gateway.name}`)
      .map(
        ({ source }) =>
          `the mesh would take over ${serviceName(source)}: give the gateway another name, such as one that ends in -asm`,
      ),
    ...shared
      .filter(({ source }) => selects(source.selector, labels))
      .map(
        ({ source }) => `${serviceName(source)} would select the gateway’s pods as well: give the gateway another name`,
      ),
  ];
  return [...new Set(found.length > 0 ? found : wrongFields(targetGateway(input)))];
}

export function targetNotes({ gateway, shared }: TargetInput): readonly string[] {
  const policies = new Set(shared.map(({ source }) => source.externalTrafficPolicy ?? 'Cluster'));
  return [
    ...(gateway.name.endsWith('-asm')
      ? []
      : [`${gateway.name} does not end in -asm, by which the documents tell the two gateways apart`]),
    ...shared.flatMap(sharingNotes),
    ...(policies.size > 1
      ? ['externalTrafficPolicy differs between the clusters; the first one’s is taken for all']
      : []),
  ];
}

function wrongFields(manifest: Manifest): readonly string[] {
  return checkGateway(manifest)
    .filter(({ status }) => status === 'fail')
    .map(({ path, message }) => `${path.join('.')}: ${message}`);
}
