import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readGatewayFile } from '../../src/api/gateway-file.ts';
import { parseAsmVersion } from '../../src/domain/gateway/asm-version.ts';

const seed = (name: string) => readFileSync(new URL(`../fixtures/seeds/${name}.yaml`, import.meta.url), 'utf8');
const ingress = seed('001-ingress');
const egress = seed('001-egress');

const ofStatus = (text: string, wanted: 'fail' | 'warn') =>
  readGatewayFile(text).findings.filter(({ status }) => status === wanted);
const fails = (text: string) => ofStatus(text, 'fail');
const warnings = (text: string) => ofStatus(text, 'warn').map(({ path, message }) => `${path}: ${message}`);

/** 1-based line of the first line that holds the text. */
function lineOf(text: string, part: string): number {
  const line = text.split('\n').findIndex((one) => one.includes(part)) + 1;
  if (line === 0) throw new Error(`no line has ${part}`);
  return line;
}

function changed(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`there is no ${from}`);
  return text.replace(from, to);
}

/** After `spec:`, so that a further field stands in it. */
const add = (field: string): [string, string] => ['spec:\n', `spec:\n  ${field}\n`];

describe('the manifests of the documents', () => {
  test.each(['001-ingress', '001-egress', '002-gateways', '004-serverless'])('%s passes', (name) => {
    const { gateways, findings } = readGatewayFile(seed(name));
    expect(gateways.length).toBe(name.startsWith('002') ? 2 : 1);
    expect(findings.filter(({ status }) => status === 'fail')).toEqual([]);
  });

  test('their oddities are told as warnings', () => {
    expect(warnings(ingress)).toEqual([
      'spec.clusterIds[0]: "<cluster-id-1>" still has to be replaced by the id of a cluster',
      'spec.clusterIds[1]: "<cluster-id-2>" still has to be replaced by the id of a cluster',
      'spec.ports[2].targetPort: 0 is no port; the documents have it in an example, and what is made of it is not described',
    ]);
    expect(warnings(egress)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^spec\.ports\[0\]\.protocol: HTTP is no transport/),
        expect.stringMatching(/^spec\.readinessProbe: is in examples of the documents but not in the CRD reference/),
      ]),
    );
    expect(warnings(seed('004-serverless'))).toEqual([
      'spec.runAsRoot: is in examples of the documents but not in the CRD reference: only its type is checked',
      'kind: "VirtualService" is no IstioGateway and is not checked',
      'kind: "Gateway" is no IstioGateway and is not checked',
    ]);
  });

  test('the target of the examples passes', () => {
    const text = readFileSync(new URL('../../examples/manifests/target-gateway.yaml', import.meta.url), 'utf8');
    expect(fails(text)).toEqual([]);
  });
});

describe('a broken manifest', () => {
  const gzip = (field: string) => add(`compression: { enabled: true, gzip: { ${field} } }`);
  // What is broken: what is changed for what, where it is found, on the line that has which text, and what is said.
  const variants: readonly (readonly [string, readonly [string, string], string, string, RegExp])[] = [
    ['another version', ['v1beta1', 'v1'], 'apiVersion', 'apiVersion', /must be istio\.alibabacloud\.com\/v1beta1/],
    ['a misspelt kind', ['kind: IstioGateway', 'kind: IstioGatway'], 'kind', 'kind:', /must be IstioGateway, not/],
    ['no name', ['  name: "myexample-customingressgateway"\n', ''], 'metadata.name', 'metadata:', /is missing/],
    ['a name with capitals', ['"myexample', '"Myexample'], 'metadata.name', 'name:', /lower-case/],
    ['too long a name', ['"myexample', `"${'m'.repeat(40)}`], 'metadata.name', 'name:', /longer than 57/],
    ['another namespace', ['"istio-system"', 'default'], 'metadata.namespace', 'namespace:', /must be istio-system/],
    ['no namespace', ['  namespace: "istio-system"\n', ''], 'metadata.namespace', 'metadata:', /is missing/],
    ['a misspelt field', add('replicas: 2'), 'spec.replicas', 'replicas: 2', /not a known field; known are/],
    ['nearly a field', add('serviceLables: {}'), 'spec.serviceLables', 'serviceLables', /did you mean serviceLabels/],
    ['an unknown type', ['Type: ingress', 'Type: Ingress'], 'spec.gatewayType', 'gatewayType', /ingress or egress/],
    [
      'a cluster that is a number',
      ['"<cluster-id-1>"', '12\n    - "<cluster-id-1>"'],
      'spec.clusterIds[0]',
      '- 12',
      /the id of a cluster/,
    ],
    [
      'a cluster twice',
      ['"<cluster-id-2>"', '"<cluster-id-2>"\n    - c1\n    - c1 # again'],
      'spec.clusterIds[3]',
      '# again',
      /stands here twice/,
    ],
    [
      'a strange Service',
      ['Type: LoadBalancer', 'Type: ELB'],
      'spec.serviceType',
      'serviceType',
      /NodePort or ClusterIP/,
    ],
    [
      'a strange policy',
      ['Policy: Local', 'Policy: local'],
      'spec.externalTrafficPolicy',
      'Policy',
      /Cluster or Local/,
    ],
    [
      'a port of 0',
      ['- name: http2\n      port: 80', '- name: http2\n      port: 0'],
      'spec.ports[1].port',
      'port: 0',
      /from 1 to 65535/,
    ],
    ['a port as a text', ['port: 443', 'port: "443"'], 'spec.ports[2].port', 'port: "443"', /whole number/],
    ['no port', ['      port: 15443\n', ''], 'spec.ports[3].port', 'name: tls', /is missing/],
    [
      'a port twice',
      ['port: 443', 'port: 80 # again'],
      'spec.ports[2].port',
      '# again',
      /port 80 of TCP stands here twice/,
    ],
    [
      'a port’s name twice',
      ['name: https', 'name: http2 # again'],
      'spec.ports[2].name',
      '# again',
      /http2 stands here/,
    ],
    [
      'a port without a name',
      ['- name: http2\n      port', '- port'],
      'spec.ports[1].name',
      '- port: 80',
      /need names/,
    ],
    [
      'a strange protocol',
      ['port: 443', 'port: 443\n      protocol: QUIC'],
      'spec.ports[2].protocol',
      'QUIC',
      /TCP, UDP or/,
    ],
    [
      'too high a target port',
      ['targetPort: 15443', 'targetPort: 70000'],
      'spec.ports[3].targetPort',
      '70000',
      /65535/,
    ],
    [
      'an annotation that is a number',
      ['Key1: "podAnnotationsValue1"', 'Key1: 1'],
      'spec.podAnnotations.podAnnotationsKey1',
      'Key1: 1',
      /put it in double quotes/,
    ],
    [
      'replicas as a text',
      ['\n  replicaCount: 1', '\n  replicaCount: "1"'],
      'spec.replicaCount',
      '"1"',
      /whole number/,
    ],
    [
      'too high a utilization',
      ['Utilization: 80', 'Utilization: 101'],
      'spec.cpu.targetAverageUtilization',
      '101',
      /1 to 100/,
    ],
    ['no replica at all', add('minReplicas: 0'), 'spec.minReplicas', 'minReplicas', /at least 1/],
    [
      'crossed replicas',
      add('minReplicas: 5\n  maxReplicas: 2'),
      'spec.minReplicas',
      'minReplicas',
      /more than maxReplicas/,
    ],
    [
      'a quantity in words',
      ['cpu: 200m', 'cpu: little'],
      'spec.resources.requests.cpu',
      'little',
      /a quantity such as/,
    ],
    [
      'asking for more than the limit',
      ['cpu: 200m', 'cpu: 2500m'],
      'spec.resources.requests.cpu',
      '2500m',
      /more than the limit/,
    ],
    ['a surge in words', ['"100%"', '"all"'], 'spec.rollingMaxSurge', '"all"', /number of pods or a percentage/],
    ['more than all unavailable', ['"25%"', '"125%"'], 'spec.rollingMaxUnavailable', '125', /at most 100%/],
    [
      'nothing to roll with',
      ['"100%"\n  rollingMaxUnavailable: "25%"', '0%\n  rollingMaxUnavailable: "0"'],
      'spec.rollingMaxUnavailable',
      'Unavailable',
      /no pod could be replaced/,
    ],
    [
      'a volume without a path',
      add('configVolumes: [{ name: lua, configMapName: lua }]'),
      'spec.configVolumes[0].mountPath',
      'configVolumes',
      /is missing/,
    ],
    [
      'a relative path',
      add('secretVolumes: [{ name: c, secretName: c, mountPath: etc }]'),
      'spec.secretVolumes[0].mountPath',
      'secretVolumes',
      /path from the root/,
    ],
    [
      'a volume’s name twice',
      add(
        'configVolumes: [{ name: c, configMapName: c, mountPath: /c }]\n  secretVolumes: [{ name: c, secretName: c, mountPath: /d }]',
      ),
      'spec.secretVolumes[0].name',
      'secretVolumes',
      /another volume/,
    ],
    [
      'a sysctl without quotes',
      add('kernel: { enabled: true, parameters: { net.core.somaxconn: 65535 } }'),
      'spec.kernel.parameters["net.core.somaxconn"]',
      'kernel',
      /a text, not 65535: put it in double quotes/,
    ],
    ['a flag in words', add('hostNetwork: "no"'), 'spec.hostNetwork', 'hostNetwork', /true or false/],
    ['a strange DNS policy', add('dnsPolicy: clusterFirst'), 'spec.dnsPolicy', 'dnsPolicy', /ClusterFirst, /],
    [
      'a class without a load balancer',
      ['serviceType: LoadBalancer', 'serviceType: NodePort\n  loadBalancerClass: example.com/a'],
      'spec.loadBalancerClass',
      'Class',
      /needs serviceType LoadBalancer/,
    ],
    [
      'compression without gzip',
      add('compression: { enabled: true }'),
      'spec.compression.gzip',
      'compression',
      /is missing/,
    ],
    ['too much memory for gzip', gzip('memory_level: 10'), 'spec.compression.gzip.memory_level', 'gzip', /from 1 to 9/],
    [
      'an unknown level',
      gzip('compression_level: COMPRESSION_LEVEL_0'),
      'spec.compression.gzip.compression_level',
      'gzip',
      /COMPRESSION_LEVEL_1 to/,
    ],
    [
      'an unknown strategy',
      gzip('compression_strategy: FAST'),
      'spec.compression.gzip.compression_strategy',
      'gzip',
      /HUFFMAN_ONLY or RLE/,
    ],
    ['too small a window', gzip('window_bits: 8'), 'spec.compression.gzip.window_bits', 'gzip', /from 9 to 15/],
    [
      'an override of another cluster',
      ['    <cluster-id-2>:', '    c3:'],
      'spec.overrides.c3',
      'c3:',
      /not one of spec\.clusterIds/,
    ],
    [
      'an override of what is one for all',
      ['    <cluster-id-2>:\n', '    <cluster-id-2>:\n      env: []\n'],
      'spec.overrides["<cluster-id-2>"].env',
      'env: []',
      /is the same for all clusters; an override may have/,
    ],
    [
      'a wrong value in an override',
      ['replicaCount: 2', 'replicaCount: two'],
      'spec.overrides["<cluster-id-2>"].replicaCount',
      'two',
      /whole number/,
    ],
    [
      'a label with a space',
      ['"serviceLabelValue1"', '"service label"'],
      'spec.serviceLabels.serviceLabelKey1',
      'service label',
      /a label’s value/,
    ],
    [
      'a variable without a name',
      ['- name: "envname1"\n      value', '- value'],
      'spec.env[0].name',
      '- value',
      /is missing/,
    ],
    [
      'a toleration of nothing',
      add('tolerations: [{ effect: NoExecute }]'),
      'spec.tolerations[0].operator',
      'tolerations',
      /must be Exists/,
    ],
    ['a strange affinity', add('affinity: { pods: {} }'), 'spec.affinity.pods', 'affinity', /nodeAffinity/],
    [
      'a weight in per cent',
      [
        '    service.beta.kubernetes.io/alicloud-loadbalancer-address-type: internet\n  serviceLabels',
        '    service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight: "10%"\n  serviceLabels',
      ],
      'spec.serviceAnnotations["service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight"]',
      '10%',
      /no weight from 0 to 100/,
    ],
  ];

  test.each(variants)('%s is told with its path, line and what is expected', (_, [from, to], path, at, message) => {
    const text = changed(ingress, from, to);
    expect(fails(text)).toEqual([
      { status: 'fail', path, line: lineOf(text, at), message: expect.stringMatching(message) },
    ]);
  });

  test('all that is wrong is told at once, in the order of the lines', () => {
    const text = variants
      .filter(([what]) => ['no port', 'another namespace', 'a misspelt field'].includes(what))
      .reduce((before, [, [from, to]]) => changed(before, from, to), ingress);
    expect(fails(text).map(({ path }) => path)).toEqual(['metadata.namespace', 'spec.replicas', 'spec.ports[3].port']);
  });

  test('more than a hundred findings are counted, and what is wrong comes before what is odd', () => {
    const ports = Array.from({ length: 150 }, (_, index) => `    - { name: p${index}, port: 0, targetPort: 0 }`);
    const found = readGatewayFile(changed(ingress, '  ports:\n', `  ports:\n${ports.join('\n')}\n`)).findings;
    expect(found).toHaveLength(101);
    expect(found.every(({ status }) => status === 'fail')).toBe(true);
    expect(found.find(({ path }) => path === '(all of it)')?.message).toMatch(/^\d+ more findings are not shown$/);
  });
});

describe('what stands around a gateway', () => {
  test('documents of one stream are checked each, with the lines of the whole text', () => {
    const text = `${ingress}---\n${changed(egress, 'gatewayType: egress', 'gatewayType: outgoing')}`;
    const { gateways } = readGatewayFile(text);
    expect(gateways).toHaveLength(2);
    expect(fails(text)).toMatchObject([{ path: 'spec.gatewayType', line: lineOf(text, 'outgoing') }]);
  });

  test('a list of kubectl is looked into, with what the API server added', () => {
    const metadata = { name: 'a-asm', namespace: 'istio-system', uid: 'u', resourceVersion: '1', managedFields: [] };
    const gateway = {
      ...{ apiVersion: 'istio.alibabacloud.com/v1beta1', kind: 'IstioGateway', metadata, status: { Status: 'Ready' } },
      spec: { clusterIds: ['c1'], ports: [{ name: 'http', port: 80 }], hostNetwork: 'no' },
    };
    const list = { apiVersion: 'v1', kind: 'List', items: [gateway] };
    expect(fails(JSON.stringify(list))).toMatchObject([{ path: 'items[0].spec.hostNetwork' }]);
  });

  test('a text that cannot be read is a finding with its line', () => {
    expect(readGatewayFile('kind: IstioGateway\nspec: [')).toMatchObject({
      gateways: [],
      findings: [{ status: 'fail', path: '(syntax)', line: 2 }],
    });
    expect(fails(`${ingress}${ingress.slice(ingress.indexOf('spec:'))}`)).toMatchObject([
      { path: 'spec', message: 'stands twice here' },
    ]);
    expect(fails('# nothing\n')).toMatchObject([{ path: '(all of it)', message: 'holds nothing' }]);
    expect(fails(`a: ${'['.repeat(20_000)}`)).toMatchObject([{ message: 'is nested too deeply' }]);
  });

  test('a text that is no object is no gateway', () => {
    expect(fails('- 1\n')).toMatchObject([{ path: '(all of it)', line: 1, message: expect.stringMatching(/a list/) }]);
  });
});

test('words that kubectl reads as booleans are none of the texts, unless they stand in quotes', () => {
  const holding = (word: string) => changed(ingress, '"podAnnotationsValue1"', word);
  for (const word of ['on', 'Off', 'yes', 'n']) {
    expect(fails(holding(word))).toMatchObject([
      { path: 'spec.podAnnotations.podAnnotationsKey1', message: expect.stringMatching(/put it in double quotes/) },
    ]);
    expect(fails(holding(`"${word}"`))).toEqual([]);
  }
  expect(fails(changed(egress, 'hostNetwork: false', 'hostNetwork: no'))).toEqual([]);
});

describe('what is odd but taken', () => {
  const withText = (from: string, to: string) => warnings(changed(egress, from, to));

  test.each([
    ['a field without a value', 'hostNetwork: false', 'hostNetwork:', /^spec\.hostNetwork: has no value/],
    [
      'a policy that nobody asks',
      'hostNetwork: false',
      'externalTrafficPolicy: Local',
      /has no effect: it is for ingress/,
    ],
    ['annotations of no load balancer', 'hostNetwork: false', 'serviceAnnotations: {}', /no effect with serviceType/],
    ['a node port beyond the usual', 'targetPort: 80', 'nodePort: 80', /usual range of node ports/],
    ['a number of pods as a number', 'Surge: 25%', 'Surge: 1', /write it as a text, "1"/],
    ['no pods', 'replicaCount: 1', 'replicaCount: 0', /no pod of the gateway runs/],
    [
      'labels that hide the pods',
      'podLabels:',
      'podLabels:\n    istio: mine',
      /selects its pods by istio=egressgateway/,
    ],
    [
      'an override with one cluster',
      '- <cluster-id>',
      '- c1\n  overrides: { c1: { replicaCount: 1 } }',
      /meant for two clusters or more/,
    ],
  ])('%s', (_, from, to, message) => {
    expect(fails(changed(egress, from, to))).toEqual([]);
    expect(withText(from, to)).toContainEqual(expect.stringMatching(message));
  });

  test('spaces in vgroup-port and listeners that may be overwritten', () => {
    const prefix = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-';
    const annotations = `{ ${prefix}id: lb-1, ${prefix}vgroup-port: "rsp-a:80, rsp-b:443" }`;
    const text = changed(
      ingress,
      'serviceAnnotations:\n',
      `serviceAnnotations: ${annotations}\n  serviceLabels:\n`,
    ).replace('    service.beta.kubernetes.io/alicloud-loadbalancer-address-type: internet\n  serviceLabels:\n', '');
    expect(fails(text)).toEqual([]);
    expect(warnings(text)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/vgroup-port"\]: has a space/),
        expect.stringMatching(/shares a CLB without .*force-override-listeners: "false"/),
      ]),
    );
  });
});

test('before ASM 1.16 the autoscaler and the Service’s type are the same for all clusters', () => {
  const text = changed(ingress, 'replicaCount: 2', 'maxReplicas: 2\n      serviceType: NodePort');
  const failsIn = (version: string) =>
    readGatewayFile(text, parseAsmVersion(version)).findings.filter(({ status }) => status === 'fail');
  expect(failsIn('1.15.3').map(({ path }) => path)).toEqual([
    'spec.overrides["<cluster-id-2>"].maxReplicas',
    'spec.overrides["<cluster-id-2>"].serviceType',
  ]);
  expect(failsIn('v1.16.0.12')).toEqual([]);
  expect(fails(text)).toEqual([]);
});
