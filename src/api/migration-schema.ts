import * as v from 'valibot';
import { profileNames } from '../domain/judge/policy.ts';
import { driftPolicies, routeOrders, weekdays } from '../domain/spec.ts';
import { choice, isObject } from './choice.ts';
import { comparedPath } from './path-schema.ts';
import { duration, label, list, loadBalancerId, objectName, perCent, text, wholeNumber } from './values.ts';

/** The migration file of design section 5, short and long form: one schema for types, messages and the editors' JSON Schema. */

const cluster = label(40, 'Name of a cluster in the installation');
const mesh = label(40, 'Name of a mesh in the installation');

const gate = v.strictObject({
  expiresIn: duration('1m', '7d', 'How long people have to approve'),
  onExpiry: v.optional(
    v.picklist(['rollback', 'hold'], 'must be rollback or hold; an expired gate never promotes'),
    'rollback',
  ),
});

const longStep = v.strictObject({
  share: perCent('Per cent of new requests that the target is to get'),
  bake: v.optional(duration('0s', '24h', 'How long the verified share must hold before it is judged passed'), '10m'),
  gate: v.optional(v.nullable(gate), null),
});

/** A step is a share alone, or share, bake and gate. */
const shareAlone = perCent('A share, with the default bake of 10m and no gate');
const step = v.pipe(
  choice([longStep, shareAlone], (value) => (isObject(value) ? longStep : shareAlone)),
  v.transform((value) => (typeof value === 'number' ? { share: value, bake: 600_000, gate: null } : value)),
);

const serviceSide = v.strictObject({ cluster, service: objectName('A Service') });
const gatewaySide = v.strictObject({ mesh, gateway: objectName('An IstioGateway') });
const isService = (value: unknown) => isObject(value) && ('cluster' in value || 'service' in value);
const sourceName = objectName('The Service that has the traffic');
const targetName = objectName('The IstioGateway that gets the traffic');
const refusedTarget = v.never('must be an IstioGateway; a target that is a Service is written in spec.routes');

const group = v.pipe(
  v.string('must be the id of a vServer group'),
  v.description('Id of the vServer group behind the Service port'),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/, 'must be the id of a vServer group'),
);
const port = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,4}$/, 'must be a port number, 1 to 65535'),
  v.check((text) => Number(text) <= 65_535, 'must be a port number, 1 to 65535'),
);

const subsetName = label(63, 'Name of a subset of the host, as its DestinationRule defines it');
const subsetRoute = v.strictObject({
  mesh,
  virtualService: objectName('The VirtualService whose route weights are written; made where there is none'),
  host: v.pipe(
    v.string('must be a host name'),
    v.description('Host of the mesh, as the VirtualService writes it'),
    v.maxLength(253, 'is longer than 253 characters'),
    v.regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a host of the mesh such as reviews'),
  ),
  from: list(subsetName, 1, 20, 'Subsets that have the traffic'),
  to: subsetName,
});

const clbRoute = v.strictObject({
  loadBalancer: loadBalancerId('Id of the CLB'),
  source: serviceSide,
  target: choice([gatewaySide, serviceSide], (value) => (isService(value) ? serviceSide : gatewaySide)),
  ports: v.pipe(
    v.record(port, group, 'must map Service ports to vServer groups, like { 80: rsp-... }'),
    v.description('Service port: vServer group, for every port that is to move'),
    v.check((ports) => Object.keys(ports).length >= 1, 'needs at least one port'),
    v.check((ports) => Object.keys(ports).length <= 20, 'has more than 20 ports'),
  ),
});

const route = choice([clbRoute, subsetRoute], (value) =>
  isObject(value) && 'virtualService' in value ? subsetRoute : clbRoute,
);

const host = v.pipe(
  v.string('must be a host name'),
  v.description('Host header, and SNI where the port speaks TLS'),
  v.maxLength(253, 'is longer than 253 characters'),
  v.regex(/^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:\d{1,5})?$/, 'must be a host name such as shop.example.com'),
);
const path = v.pipe(text(1024, 'Path that is asked'), v.regex(/^\/[^\s#]*$/, 'must begin with / and hold no spaces'));

const expectation = v.strictObject({ status: v.optional(wholeNumber(100, 599, 'HTTP status of a good answer'), 200) });
const probeFields = {
  side: v.optional(v.picklist(['source', 'target', 'both'], 'must be source, target or both'), 'both'),
  host,
  path: v.optional(path, '/'),
  port: v.optional(
    v.nullable(wholeNumber(1, 65_535, 'Service port that is asked; the first of the route if absent')),
    null,
  ),
  expect: v.optional(expectation, {}),
  every: v.optional(duration('1s', '5m', 'Time between two requests'), '5s'),
  failures: v.optional(wholeNumber(1, 100, 'So many failures in a row make the probe fail'), 3),
  timeout: v.optional(duration('100ms', '30s', 'How long one answer may take'), '3s'),
};
const probe = v.strictObject({ name: label(40, 'Name of the probe'), ...probeFields });
const onlyProbe = v.strictObject({ name: v.optional(label(40, 'Name of the probe'), 'probe'), ...probeFields });

const signalSource = label(
  40,
  'Source of signals: push, probes (paired probes beside another source), or a name of the installation',
);
const signalSources = list(signalSource, 1, 5, 'Several sources: each judges alone, and the worst verdict wins');

const metricFields = {
  profile: v.optional(
    v.pipe(
      v.picklist(profileNames, `must be ${profileNames.join(' or ')}`),
      v.description('strict sees smaller differences; only for gateways that share their backends'),
    ),
    'standard',
  ),
  harmBudget: v.optional(perCent('How much worse all traffic together may get, in per cent of its requests'), '0.5%'),
  falseAlarm: v.optional(
    v.pipe(
      perCent('Chance that a whole migration is rolled back although its target is no worse'),
      v.maxValue(10, 'must be at most 10%'),
    ),
    '1%',
  ),
};

const analysis = v.strictObject({
  signals: v.optional(
    choice([signalSources, signalSource], (value) => (Array.isArray(value) ? signalSources : signalSource)),
    'push',
  ),
  alerts: v.optional(
    v.strictObject({
      atStart: v.optional(
        v.pipe(
          v.picklist(['refuse', 'ignore'], 'must be refuse or ignore'),
          v.description(
            'What an alert leads to that is firing already at the start; one that begins later always fails',
          ),
        ),
        'refuse',
      ),
    }),
    {},
  ),
  errorRate: v.optional(
    v.strictObject({
      ...metricFields,
      max: v.optional(perCent('A target with more errors than this fails, unless the source has as many'), '20%'),
      minRequests: v.optional(
        wholeNumber(1, 1_000_000, 'A step with fewer requests of the target than this does not pass'),
        1,
      ),
    }),
    {},
  ),
  latency: v.optional(
    v.pipe(
      v.strictObject({
        over: duration('1ms', '10m', 'Requests that took longer are slow; samples tell how many those are'),
        ...metricFields,
        max: v.optional(
          perCent('A target with more slow requests than this fails, unless the source has as many'),
          '100%',
        ),
      }),
      v.description('A second metric: the share of requests that took too long; both must pass, and either fails'),
    ),
  ),
  patience: v.optional(duration('10s', '24h', 'How long a baked step may lack a verdict before onInsufficient'), '5m'),
  onInsufficient: v.optional(
    v.pipe(
      v.picklist(['hold', 'rollback'], 'must be hold or rollback; a step never passes without evidence'),
      v.description('What a step without a verdict leads to, once patience is over'),
    ),
    'hold',
  ),
});

const dayPattern = `(?:${weekdays.join('|')})`;
const days = v.pipe(
  v.string('must be days such as mon-thu or sat,sun'),
  v.description('Days such as mon-thu or mon,wed,fri'),
  v.maxLength(80, 'is longer than 80 characters'),
  v.regex(
    new RegExp(`^${dayPattern}(?:-${dayPattern})?(?:, ?${dayPattern}(?:-${dayPattern})?)*$`),
    `must be days such as mon-thu or sat,sun (${weekdays.join(', ')})`,
  ),
);
const minute = v.pipe(
  v.string('must be a time such as "09:00"'),
  v.description('Time of day, HH:MM'),
  v.regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time such as "09:00"'),
  v.transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))),
);
const window = v.strictObject({
  days,
  from: minute,
  to: minute,
  zone: v.pipe(
    text(64, 'IANA time zone such as Asia/Shanghai'),
    v.check(isZone, (issue) => `${issue.received} is not an IANA time zone such as Asia/Shanghai`),
  ),
});

const spec = v.strictObject({
  source: v.optional(choice([sourceName, serviceSide], (value) => (isObject(value) ? serviceSide : sourceName))),
  target: v.optional(
    choice([targetName, gatewaySide], (value) => {
      if (isService(value)) return refusedTarget;
      return isObject(value) ? gatewaySide : targetName;
    }),
  ),
  routes: v.optional(
    list(
      route,
      1,
      8,
      'The load balancers with their two sides, or subsets of hosts in a mesh; instead of source and target',
    ),
  ),
  routeOrder: v.optional(
    v.pipe(
      v.picklist(routeOrders, `must be ${routeOrders.join(' or ')}`),
      v.description(
        'sequential: a route goes through all steps before the next begins; needs signals that name the CLB',
      ),
    ),
    'together',
  ),
  steps: list(step, 1, 20, 'Shares that the target gets, one after the other'),
  finish: v.optional(v.picklist(['stay', 'return'], 'must be stay or return'), 'stay'),
  tolerance: v.optional(
    v.pipe(
      v.number('must be a number of points, 0 to 50'),
      v.description('Points that the achieved share may differ from the asked one'),
      v.minValue(0, 'must be a number of points, 0 to 50'),
      v.maxValue(50, 'must be a number of points, 0 to 50'),
    ),
    2,
  ),
  probe: v.optional(onlyProbe),
  probes: v.optional(list(probe, 0, 10, 'Requests that Sluice sends to the sides')),
  paths: v.optional(
    list(comparedPath, 0, 20, 'URLs that source and target must answer alike before the first step'),
    [],
  ),
  analysis: v.optional(analysis, {}),
  settle: v.optional(duration('0s', '10m', 'Samples of this long after a write are not judged'), '20s'),
  deadline: v.optional(
    duration('1m', '30d', 'The migration is rolled back when it takes longer; pauses, gates and holds do not count'),
    '6h',
  ),
  undoFor: v.optional(duration('0s', '7d', 'How long a completed migration can be undone with one command'), '1h'),
  deadManAfter: v.optional(duration('1m', '24h', 'Without a heartbeat for so long the watchdog rolls back'), '5m'),
  breakGlassAfter: v.optional(
    duration('10s', '1h', 'After so long an unverified rollback sets the weights straight at the CLB'),
    '60s',
  ),
  capacityPatience: v.optional(duration('0s', '1h', 'How long a rollback waits for a source that has shrunk'), '2m'),
  onDrift: v.optional(v.picklist(driftPolicies, `must be ${driftPolicies.join(', ')}`), 'hold'),
  windows: v.optional(list(window, 0, 20, 'Days and hours in which the migration may go forward'), []),
  notify: v.optional(list(label(64, 'Name of a channel in the installation'), 0, 10, 'Channels that are told'), []),
});

export const migrationSchema = v.strictObject({
  apiVersion: v.literal('sluice/v1', 'must be sluice/v1'),
  kind: v.literal('Migration', 'must be Migration'),
  metadata: v.strictObject({ name: label(40, 'Name of the migration') }),
  spec,
});
export type MigrationFile = v.InferOutput<typeof migrationSchema>;
export type RouteOfFile = v.InferOutput<typeof clbRoute>;
export type SubsetRouteOfFile = v.InferOutput<typeof subsetRoute>;
export type ProbeOfFile = v.InferOutput<typeof probe>;

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone });
    // Node also takes offsets such as +08:00, which know no daylight saving and are no IANA names.
    return !/^[+-]/.test(zone);
  } catch {
    return false;
  }
}
