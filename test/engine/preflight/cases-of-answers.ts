import { ForbiddenError, TerminalError } from '../../../src/ports/errors.ts';
import { aPath, aSubsetRoute, aWorkload } from '../../fixtures/builders.ts';
import { aPage, type Scene, withService } from '../../fixtures/scene.ts';
import type { Row } from './case.ts';

/** What is wrong with answers (those of APIs, those of the gateways) and with the target's Deployments. */

const group = 'DescribeVServerGroupAttribute (rsp-pub-80): Forbidden.RAM';
const unreadable: readonly Row[] = [
  [
    'readable',
    'unknown',
    'a right to read the group is missing',
    (scene) => {
      const error = `${group}; missing permission: slb:DescribeVServerGroupAttribute`;
      scene.unreadable = { describeGroups: new ForbiddenError(error) };
    },
    /^lb-public: DescribeVServerGroupAttribute .*missing permission: slb:DescribeVServerGroupAttribute$/,
    null,
  ],
  [
    'readable',
    'unknown',
    'a right to read a Service is missing',
    (scene) => {
      const error =
        'cluster ack: get services: forbidden (403); missing permission: get services in namespace istio-system';
      scene.unreadable = { read: new ForbiddenError(error) };
    },
    /missing permission: get services in namespace istio-system/,
    null,
  ],
  [
    'readable',
    'fail',
    'the Service of the source is not there',
    (scene) => {
      scene.unreadable = { read: new TerminalError('Service ack/istio-system/istio-ingressgateway does not exist') };
    },
    /istio-ingressgateway does not exist/,
    null,
  ],
];

const parity: readonly Row[] = [
  ...(
    [
      [
        'another status',
        { status: 404 },
        /ingressgateway-asm answers http:\/\/shop\S+ otherwise.*: status 404, and not 200/,
      ],
      [
        'another header',
        { headers: { 'content-type': 'text/plain', location: null } },
        /content-type "text\/plain", and not "text\/html"/,
      ],
      ['another body', { bodyHash: 'other' }, /another body/],
      ['its answer much later', { ms: 1_013 }, /1001 ms slower, more than 1000 ms/],
    ] as const
  ).map(
    ([what, page, found]): Row => [
      'parity',
      'fail',
      `the target gives ${what}`,
      (scene) => {
        scene.pages = (_path, side) => aPage(side === 'target' ? page : {});
      },
      found,
      null,
    ],
  ),
  [
    'parity',
    'fail',
    'one pod of the target gives no answer',
    (scene) => {
      scene.pages = (_path, side, turn) => (side === 'target' && turn === 2 ? { failure: 'ECONNREFUSED' } : aPage());
    },
    /no answer \(ECONNREFUSED\), and not 200/,
    null,
  ],
  [
    'parity',
    'fail',
    'neither side gives an answer',
    (scene) => {
      scene.pages = () => ({ failure: 'no ready endpoint for port 80' });
    },
    /neither side answers \S+, so nothing was compared: no ready endpoint for port 80/,
    null,
  ],
  [
    'parity',
    'fail',
    'no route has the port of a URL',
    (scene) => {
      scene.spec = { ...scene.spec, paths: [aPath({ url: 'https://shop.example.com/', port: 443 })] };
    },
    /https:\/\/shop.example.com\/ is at port 443, which no route has \(80\)/,
    null,
  ],
  [
    'parity',
    'warn',
    'the target differs where the spec allows it',
    (scene) => {
      scene.spec = { ...scene.spec, paths: [aPath({ isAllowed: true })] };
      scene.pages = (_path, side) => aPage(side === 'target' ? { status: 301 } : {});
    },
    /status 301, and not 200 \(allowed by spec.paths\)/,
    null,
  ],
  [
    'parity',
    'warn',
    'both sides say that there is no such page',
    (scene) => {
      scene.pages = () => aPage({ status: 404 });
    },
    /both sides answer \S+ with 404: is it the right URL\?/,
    null,
  ],
];

const rollouts: readonly Row[] = [
  ...(
    [
      ['some of its pods are old', { replicas: 4, updatedReplicas: 1 }, /replaces its pods: 1 of 4 are new/],
      ['its new pods are not ready', { progress: 'ReplicaSetUpdated' }, /waits for its new pods/],
      [
        'its new pods do not become ready',
        { progress: 'ProgressDeadlineExceeded' },
        /does not get its new pods ready \(ProgressDeadlineExceeded\)/,
      ],
      ['a change of it is not seen yet', { generation: 5 }, /was changed, and its controller has not acted yet/],
    ] as const
  ).map(
    ([when, change, found]): Row => [
      'target-rollout',
      'warn',
      when,
      (scene) => withService(scene, 'target', { workloads: [aWorkload(change)] }),
      new RegExp(
        `Deployment ack/istio-system/istio-ingressgateway-asm of the target ${found.source}; the first step waits`,
      ),
      null,
    ],
  ),
  [
    'target-rollout',
    'unknown',
    'a right to read Deployments is missing',
    (scene) => withService(scene, 'target', {}, { workloads: { missing: 'missing permission: list deployments' } }),
    /cannot be told: missing permission: list deployments/,
    null,
  ],
];

/** The target in a second cluster as well. */
function inTwoClusters(scene: Scene): void {
  const { target } = scene.observation;
  const others = target.services.map((one) => ({ ...one, cluster: 'ack-2', clusterId: 'c2' }));
  scene.observation = { ...scene.observation, target: { ...target, services: [...target.services, ...others] } };
}

const clusters: readonly Row[] = [
  [
    'clusters-apart',
    'warn',
    'the gateway of one cluster alone does not answer',
    (scene) => {
      inTwoClusters(scene);
      scene.answers = (_probe, _side, services) => services.every(({ cluster }) => cluster !== 'ack-2');
    },
    /the gateway in ack-2 does not answer probe productpage \(503, not 200\), and that in ack does.*security groups may keep/,
    /^aliyun cs DescribeClusterDetail --ClusterId c2$/,
  ],
  [
    'clusters-apart',
    'unknown',
    'no probe asks the target',
    (scene) => {
      inTwoClusters(scene);
      scene.spec = { ...scene.spec, probes: [] };
    },
    /whether pods of ack and ack-2 reach one another cannot be told without a probe.*AuthorizeSecurityGroup/,
    /^aliyun cs DescribeClusterDetail --ClusterId c1$/,
  ],
  [
    'clusters-apart',
    'unknown',
    'subsets have pods in two clusters',
    (scene) => {
      const [first, ...rest] = scene.split.subsets;
      if (first === undefined) throw new Error('the scene has no subset');
      const services = first.services?.map((one) => ({ ...one, cluster: 'ack-2', clusterId: 'c2' })) ?? null;
      scene.split = { ...scene.split, subsets: [{ ...first, services }, ...rest] };
      scene.spec = { ...scene.spec, subsets: [aSubsetRoute()] };
    },
    /pods of reviews are in ack-2 and ack: .* cannot be seen from outside/,
    /^aliyun cs DescribeClusterDetail --ClusterId c2$/,
  ],
];

export const casesOfAnswers: readonly Row[] = [...unreadable, ...parity, ...rollouts, ...clusters];
