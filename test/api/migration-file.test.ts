import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { migrationJsonSchema, parseMigration, parseMigrationValue } from '../../src/api/migration-file.ts';
import { InvalidInputError } from '../../src/ports/errors.ts';
import { anAnalysis } from '../fixtures/builders.ts';

const shortForm = `apiVersion: sluice/v1
kind: Migration
metadata: { name: shop-ingress }
spec:
  source: istio-system/istio-ingressgateway
  target: istio-system/ingressgateway-asm
  probe: { host: shop.example.com, path: /productpage }
  steps: [10%, 50, "90%", 100%]
`;

/** `line path: message` of each problem. */
function problemsOf(text: string): readonly string[] {
  try {
    parseMigration(text);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.problems.map(({ path, line, message }) => `${line} ${path}: ${message}`);
  }
  return [];
}

const withSpec = (lines: string) => shortForm + lines.replace(/^/gm, '  ');
const longForm = (routes: string, rest = '') => `apiVersion: sluice/v1
kind: Migration
metadata: { name: long }
spec:
  routes:
${routes.replace(/^/gm, '    ')}
  steps: [100]
${rest}`;
const publicRoute = `- loadBalancer: lb-public
  source: { cluster: ack, service: istio-system/istio-ingressgateway }
  target: { mesh: asm, gateway: istio-system/ingressgateway-asm }
  ports: { 80: rsp-pub-80, 443: rsp-pub-443 }`;

const reviewsRoute = '- { mesh: asm, virtualService: default/reviews, host: reviews, from: [v1, v2], to: v3 }';

test('a route in the mesh names the subsets of one host', () => {
  expect(parseMigration(longForm(reviewsRoute))).toMatchObject({
    routes: [],
    subsets: [
      {
        mesh: 'asm',
        virtualService: { namespace: 'default', name: 'reviews' },
        host: 'reviews',
        from: ['v1', 'v2'],
        to: 'v3',
      },
    ],
  });
});

describe('the short form', () => {
  test('is all that most people write; the rest has defaults', () => {
    expect(parseMigration(shortForm)).toEqual({
      name: 'shop-ingress',
      routes: {
        source: { cluster: null, namespace: 'istio-system', name: 'istio-ingressgateway' },
        target: { mesh: null, namespace: 'istio-system', name: 'ingressgateway-asm' },
      },
      subsets: [],
      routeOrder: 'together',
      steps: [10, 50, 90, 100].map((share) => ({ share, bakeMs: 600_000, gate: null })),
      finish: 'stay',
      tolerance: 2,
      probes: [
        {
          name: 'probe',
          side: 'both',
          host: 'shop.example.com',
          path: '/productpage',
          port: null,
          status: 200,
          everyMs: 5000,
          failures: 3,
          timeoutMs: 3000,
        },
      ],
      paths: [],
      analysis: anAnalysis(),
      settleMs: 20_000,
      deadlineMs: 21_600_000,
      undoForMs: 3_600_000,
      deadManAfterMs: 300_000,
      breakGlassAfterMs: 60_000,
      capacityPatienceMs: 120_000,
      onDrift: 'hold',
      windows: [],
      notify: [],
    });
  });

  test('may name a cluster and a mesh', () => {
    const text = shortForm
      .replace('istio-system/istio-ingressgateway', '{ cluster: ack-2, service: istio-system/istio-ingressgateway }')
      .replace('istio-system/ingressgateway-asm', '{ mesh: asm-2, gateway: istio-system/ingressgateway-asm }');
    expect(parseMigration(text).routes).toEqual({
      source: { cluster: 'ack-2', namespace: 'istio-system', name: 'istio-ingressgateway' },
      target: { mesh: 'asm-2', namespace: 'istio-system', name: 'ingressgateway-asm' },
    });
  });

  test('is read from JSON as well, with the same lines', () => {
    const json = JSON.stringify(parseYamlByHand(), null, '\t');
    expect(parseMigration(json)).toEqual(parseMigration(shortForm));
    expect(parseMigrationValue(JSON.parse(json))).toEqual(parseMigration(shortForm));
    expect(problemsOf(json.replace('shop-ingress', 'Shop'))).toEqual([expect.stringMatching(/^5 metadata\.name: /)]);
  });
});

function parseYamlByHand(): unknown {
  return {
    apiVersion: 'sluice/v1',
    kind: 'Migration',
    metadata: { name: 'shop-ingress' },
    spec: {
      source: 'istio-system/istio-ingressgateway',
      target: 'istio-system/ingressgateway-asm',
      probe: { host: 'shop.example.com', path: '/productpage' },
      steps: ['10%', 50, '90%', '100%'],
    },
  };
}

describe('the long form', () => {
  test('says everything', () => {
    const draft = parseMigration(readFileSync(new URL('../../examples/gated.yaml', import.meta.url), 'utf8'));
    expect(draft.routes).toEqual([
      {
        loadBalancer: 'lb-public',
        source: { kind: 'service', cluster: 'ack', namespace: 'istio-system', name: 'istio-ingressgateway' },
        target: { kind: 'gateway', mesh: 'asm', namespace: 'istio-system', name: 'ingressgateway-asm' },
        ports: [
          { port: 80, group: 'rsp-pub-80' },
          { port: 443, group: 'rsp-pub-443' },
        ],
      },
      {
        loadBalancer: 'lb-internal',
        source: { kind: 'service', cluster: 'ack', namespace: 'istio-system', name: 'istio-ingressgateway-internal' },
        target: { kind: 'service', cluster: 'ack', namespace: 'istio-system', name: 'istio-ingressgateway-asm-2' },
        ports: [{ port: 80, group: 'rsp-int-80' }],
      },
    ]);
    expect(draft.steps[1]).toEqual({
      share: 50,
      bakeMs: 1_800_000,
      gate: { expiresInMs: 7_200_000, onExpiry: 'rollback' },
    });
    expect(draft.windows).toEqual([
      { days: ['mon', 'tue', 'wed', 'thu'], fromMinute: 540, toMinute: 1020, zone: 'Asia/Shanghai' },
    ]);
    const latency = { overMs: 500, profile: 'standard', harmBudget: 0.005, falseAlarm: 0.01, max: 1 } as const;
    const signals = ['push', 'probes'];
    expect(draft.analysis).toEqual(anAnalysis({ signals, minRequests: 200, latency, patienceMs: 1_200_000 }));
    expect(draft.notify).toEqual(['ops', 'audit']);
  });

  test('paired probes stand beside a source of users, and need a probe of both sides', () => {
    const said = (signals: string, text = shortForm) =>
      problemsOf(`${text}  analysis: { signals: ${signals} }\n`).map((line) => line.replace(/^\d+ /, ''));
    expect(said('[push, probes]')).toEqual([]);
    expect(said('probes')).toEqual([
      "spec.analysis.signals: probes stands beside a source of users' requests: [push, probes]",
    ]);
    const oneSide = shortForm.replace('/productpage }', '/productpage, side: target }');
    expect(said('[push, probes]', oneSide)).toEqual([expect.stringContaining('probes needs a probe of both sides')]);
  });

  test('signals come from one source or from several', () => {
    const signalsOf = (text: string) => parseMigration(withSpec(`analysis: { signals: ${text} }`)).analysis.signals;
    expect(signalsOf('main')).toBe('main');
    expect(signalsOf('[push, main]')).toEqual(['push', 'main']);
    expect(() => signalsOf('[]')).toThrow('spec.analysis.signals: needs at least 1');
    expect(() => signalsOf('http://x')).toThrow('spec.analysis.signals: must be a name');
  });

  test('asks for what is to be judged, and how strictly', () => {
    const asked = `analysis:
    errorRate: { profile: strict, harmBudget: 0.2%, falseAlarm: 0.5%, max: 10% }
    latency: { over: 500ms, harmBudget: 2% }
    patience: 1h
    onInsufficient: rollback`;
    expect(parseMigration(withSpec(asked)).analysis).toEqual(
      anAnalysis({
        ...{ profile: 'strict', harmBudget: 0.002, falseAlarm: 0.005, max: 0.1 },
        latency: { overMs: 500, profile: 'standard', harmBudget: 0.02, falseAlarm: 0.01, max: 1 },
        ...{ patienceMs: 3_600_000, onInsufficient: 'rollback' },
      }),
    );
  });

  test('a canary for schedules ends with the baseline back', () => {
    const text = readFileSync(new URL('../../examples/scheduled-canary.yaml', import.meta.url), 'utf8');
    expect(parseMigration(text).finish).toBe('return');
  });

  test('days are a range, also over the end of the week, or a list', () => {
    const days = (text: string) =>
      parseMigration(withSpec(`windows: [{ days: "${text}", from: "00:00", to: "24:00", zone: Europe/Berlin }]`))
        .windows[0]?.days;
    expect(days('sat-mon')).toEqual(['mon', 'sat', 'sun']);
    expect(days('fri')).toEqual(['fri']);
    expect(days('mon-tue, thu,sun')).toEqual(['mon', 'tue', 'thu', 'sun']);
  });
});

describe('mistakes', () => {
  test('five mistakes give five messages, each with path and line', () => {
    const text = `apiVersion: sluice/v1
kind: Migration
metadata: { name: Shop }
spec:
  source: istio-system/istio-ingressgateway
  target: istio-system/ingressgateway-asm
  probe: { host: shop.example.com, path: productpage }
  finsh: stay
  steps:
    - 50%
    - { share: 10, bake: 10 minutes }
`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^3 metadata\.name: must be a name of lower-case letters/),
      '7 spec.probe.path: must begin with / and hold no spaces',
      '8 spec.finsh: is not a known field; did you mean finish?',
      '11 spec.steps[1].bake: "10 minutes" is not a duration; write it like 90s, 10m, 2h or 1d',
      '11 spec.steps[1].share: is 10 per cent after 50: shares must rise from step to step',
    ]);
  });

  test.each([
    ['a missing field', shortForm.replace(/ {2}steps.*\n/, ''), '4 spec.steps: is missing'],
    ['no sides at all', shortForm.replace(/ {2}target.*\n/, ''), /4 spec\.target: is missing \(or write spec\.routes/],
    ['a share of nothing', shortForm.replace('10%', '0%'), /8 spec\.steps\[0\]: "?0%?"? is out of range/],
    [
      'a share beyond all',
      shortForm.replace('100%', '101'),
      '8 spec.steps[3]: 101 is out of range: above 0 and up to 100',
    ],
    [
      'a share that stays',
      shortForm.replace('50', '10'),
      '8 spec.steps[1].share: is 10 per cent after 10: shares must rise from step to step',
    ],
    ['no steps', shortForm.replace(/steps.*/, 'steps: []'), '8 spec.steps: needs at least 1'],
    [
      'too many steps',
      shortForm.replace(/steps.*/, `steps: [${Array.from({ length: 21 }, (_, i) => i + 1)}]`),
      '8 spec.steps: has more than 20 entries',
    ],
    [
      'a long bake',
      shortForm.replace('10%', '{ share: 10, bake: 25h }'),
      '8 spec.steps[0].bake: 25h is out of range: 0s to 24h',
    ],
    [
      'a short gate',
      shortForm.replace('10%', '{ share: 10, gate: { expiresIn: 30s } }'),
      '8 spec.steps[0].gate.expiresIn: 30s is out of range: 1m to 7d',
    ],
    [
      'a gate that promotes',
      shortForm.replace('10%', '{ share: 10, gate: { expiresIn: 1h, onExpiry: promote } }'),
      /never promotes/,
    ],
    ['a name that is too long', shortForm.replace('shop-ingress', 'a'.repeat(41)), /at most 40 characters/],
    [
      'a target named like the source',
      shortForm.replace('ingressgateway-asm', 'ingressgateway'),
      /6 spec\.target: the gateway would get the Service/,
    ],
    [
      'a target that is a Service',
      shortForm.replace('istio-system/ingressgateway-asm', '{ cluster: ack, service: a/b }'),
      /6 spec\.target: .*spec\.routes/,
    ],
    [
      'a zone nobody knows',
      withSpec('windows: [{ days: mon, from: "09:00", to: "17:00", zone: Mars/Base }]'),
      /9 spec\.windows\[0\]\.zone: "Mars\/Base" is not an IANA time zone/,
    ],
    [
      'an offset for a zone',
      withSpec('windows: [{ days: mon, from: "09:00", to: "17:00", zone: "+08:00" }]'),
      /is not an IANA time zone/,
    ],
    [
      'a window that ends before it begins',
      withSpec('windows:\n  - days: mon\n    from: "17:00"\n    to: "09:00"\n    zone: Asia/Shanghai'),
      /^12 spec\.windows\[0\]\.to: must be later than from/,
    ],
    ['probe and probes', withSpec('probes: []'), /7 spec\.probe: cannot stand beside spec\.probes/],
    [
      'two probes of one name',
      shortForm.replace(/probe:.*/, 'probes: [{ name: a, host: x.io }, { name: a, host: y.io }]'),
      /7 spec\.probes\[1\]\.name: a stands here twice/,
    ],
    ['routes beside source', withSpec('routes: []'), /5 spec\.source: cannot stand beside spec\.routes/],
    [
      'two routes on one group',
      longForm(
        `${publicRoute}\n${publicRoute.replaceAll('public', 'two').replace('istio-ingressgateway ', 'other ').replace('ingressgateway-asm', 'other-asm').replace('443: rsp-pub-443', '81: rsp-two-81')}`,
      ),
      '13 spec.routes[1].ports["80"]: rsp-pub-80 stands here twice; first at spec.routes.0.ports.80',
    ],
    [
      'one object as source and target',
      longForm(
        publicRoute.replace(
          '{ mesh: asm, gateway: istio-system/ingressgateway-asm }',
          '{ cluster: ack, service: istio-system/istio-ingressgateway }',
        ),
      ),
      /8 spec\.routes\[0\]\.target: .* is the source as well/,
    ],
    ['a port twice', longForm(publicRoute.replace('443', '"80"')), '9 spec.routes[0].ports["80"]: stands twice here'],
    [
      'a port that is none',
      longForm(publicRoute.replace('443', '70000')),
      /9 spec\.routes\[0\]\.ports\["70000"\]: must be a port number/,
    ],
    [
      'subsets beside a load balancer, whose requests nobody could tell apart',
      longForm(`${publicRoute}\n${reviewsRoute}`),
      '10 spec.routes[1].virtualService: cannot stand beside routes of load balancers: subsets move in a migration of their own',
    ],
    [
      'a subset that is moved to itself',
      longForm(reviewsRoute.replace('to: v3', 'to: v2')),
      '6 spec.routes[0].to: v2 is among from as well: a migration needs two sides',
    ],
    [
      'a subset twice',
      longForm(reviewsRoute.replace('[v1, v2]', '[v1, v1]')),
      /spec\.routes\[0\]\.from\[1\]: v1 stands here twice/,
    ],
    [
      'one VirtualService twice',
      longForm(`${reviewsRoute}\n${reviewsRoute}`),
      /7 spec\.routes\[1\]\.virtualService: asm\/default\/reviews stands here twice/,
    ],
    [
      'subsets one after the other',
      `${longForm(reviewsRoute)}\n  routeOrder: sequential`,
      /spec\.routeOrder: must be together: subsets of hosts move in lockstep/,
    ],
    [
      'an order of the routes that there is not',
      withSpec('routeOrder: sequencial'),
      '9 spec.routeOrder: must be together or sequential',
    ],
    [
      'a profile of the analysis that there is not',
      withSpec('analysis: { errorRate: { profile: strickt } }'),
      '9 spec.analysis.errorRate.profile: must be standard or strict',
    ],
    [
      'a chance of a false alarm that nobody wants',
      withSpec('analysis: { errorRate: { falseAlarm: 50% } }'),
      '9 spec.analysis.errorRate.falseAlarm: must be at most 10%',
    ],
    [
      'latency without the bound that makes a request slow',
      withSpec('analysis: { latency: { harmBudget: 1% } }'),
      /^9 spec\.analysis\.latency\.over: /,
    ],
    [
      'an end without evidence that would be a promotion',
      withSpec('analysis: { onInsufficient: promote }'),
      '9 spec.analysis.onInsufficient: must be hold or rollback; a step never passes without evidence',
    ],
    [
      'a policy for drift that does not exist',
      withSpec('onDrift: ignore'),
      '9 spec.onDrift: must be hold, restore, rollback',
    ],
    [
      'a text where fields belong',
      shortForm.replace('{ name: shop-ingress }', 'shop-ingress'),
      '3 metadata: must be an object with fields, not "shop-ingress"',
    ],
    ['a text that is no YAML', 'a: [1\nb: {', /^2 \(syntax\): /],
    ['an alias without anchor', `${shortForm}a: *b`, /\(syntax\): Unresolved alias/],
    ['an empty file', '', '1 (all of it): must be an object with fields, not null'],
    ['nesting without end', '['.repeat(50_000), '1 (syntax): is nested too deeply'],
    ['more than 128 KB', `# ${'x'.repeat(140_000)}`, 'undefined (all of it): is larger than 128 KB'],
  ] as const)('%s', (_, text, expected) => {
    expect(problemsOf(text)).toContainEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });

  test('aliases that multiply are refused before they fill the memory', () => {
    const levels = ['a: &a [1,1,1,1,1,1,1,1,1]'];
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh'].map((pair) => [...pair])) {
      levels.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`)}]`);
    }
    expect(problemsOf(levels.join('\n'))).toEqual([expect.stringMatching(/Excessive alias count/)]);
  });

  test('an anchor used now and then is fine', () => {
    const text = shortForm.replace(/steps.*/, 'steps: [{ share: 10, bake: &bake 5m }, { share: 100, bake: *bake }]');
    expect(parseMigration(text).steps.map(({ bakeMs }) => bakeMs)).toEqual([300_000, 300_000]);
  });

  test('at most 100 are listed', () => {
    const fields = Array.from({ length: 500 }, (_, index) => `unknown${index}: 1`).join('\n');
    expect(problemsOf(withSpec(fields))).toHaveLength(100);
  });
});

describe('whatever the text', () => {
  test('nothing but a list of mistakes is thrown', () => {
    const words = fc.constantFrom(
      ...shortForm.split(/(?<=[\n ])/),
      '  ',
      '- ',
      '{',
      '}',
      '&a ',
      '*a',
      '!!binary ',
      '<<: ',
      '? ',
      ': ',
      '|\n',
      '\t',
      '"',
      '__proto__: ',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.array(words, { maxLength: 60 }).map((parts) => parts.join('')),
      fc.tuple(fc.nat(shortForm.length), fc.string({ maxLength: 5 })).map(([at, text]) => {
        return shortForm.slice(0, at) + text + shortForm.slice(at + text.length);
      }),
    );
    fc.assert(
      fc.property(texts, (text) => expectNoOtherError(() => parseMigration(text))),
      { numRuns: 1500 },
    );
  });

  test('the same for values that were parsed already', () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc.record({
        apiVersion: fc.constant('sluice/v1'),
        kind: fc.constant('Migration'),
        metadata: fc.jsonValue(),
        spec: fc.jsonValue(),
      }),
      fc.record({
        spec: fc.record({
          steps: fc.array(fc.jsonValue()),
          routes: fc.array(fc.object()),
          windows: fc.array(fc.object()),
        }),
      }),
    );
    fc.assert(
      fc.property(values, (value) => expectNoOtherError(() => parseMigrationValue(value))),
      { numRuns: 1500 },
    );
  });
});

function expectNoOtherError(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
  }
}

describe('the JSON Schema for editors', () => {
  test('describes what is written, not what is read', () => {
    const schema = JSON.parse(JSON.stringify(migrationJsonSchema()));
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      additionalProperties: false,
      required: ['apiVersion', 'kind', 'metadata', 'spec'],
    });
    const { properties } = schema.properties.spec;
    expect(properties.deadline).toMatchObject({ type: 'string', default: '6h', description: expect.any(String) });
    expect(properties.steps.items.anyOf).toHaveLength(2);
    expect(properties.finish.enum).toEqual(['stay', 'return']);
    expect(properties.routes.items.anyOf[0].properties.target.anyOf).toHaveLength(2);
  });
});
