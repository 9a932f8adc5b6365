import { beforeAll, describe, expect, it } from 'vitest';
import { watchdogConfig } from '../../src/compose-watchdog.ts';
import { configVariables, loadConfig } from '../../src/config.ts';
import { readTree } from '../tree.ts';
import { allowedActions, type Installation, ownProblems } from './checks.ts';
import { parameters, readInstallation, readServerless, readTemplate, shell } from './installation.ts';
import { referenceProblems } from './references.ts';
import { rosProblems } from './ros.ts';
import { fromServerless, fromTemplate } from './serverless.ts';
import { resourcesOf, type Template } from './template.ts';

let template: Template;
let installation: Installation;

beforeAll(async () => {
  template = await readTemplate();
  installation = readInstallation(configVariables.map(({ name }) => name));
});

async function problemsOf(one: Template, with_: Installation = installation): Promise<string[]> {
  return [...(await rosProblems(one)), ...referenceProblems(one), ...ownProblems(one, with_)];
}

type Draft = {
  Parameters: Record<string, Record<string, unknown>>;
  Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>;
};

/** The real template with one thing broken. */
function broken(change: (draft: Draft) => void): Template {
  const draft = structuredClone(template) as unknown as Draft;
  change(draft);
  return draft as unknown as Template;
}

function propertiesIn(draft: Draft, name: string): Record<string, unknown> {
  const resource = draft.Resources[name];
  if (!resource) throw new Error(`no resource ${name}`);
  return resource.Properties;
}

describe('template.yml', () => {
  it('is accepted by the vendor, has no loose ends and fits the functions, the roles and the environment', async () => {
    expect(await problemsOf(template)).toEqual([]);
  });

  it('describes exactly the five functions with their time-outs', () => {
    const found = resourcesOf(template, 'ALIYUN::FC3::Function').map(([, one]) => [one['Handler'], one['Timeout']]);
    expect(found).toEqual([
      ['api.handler', 30],
      ['tick.handler', 70],
      ['step.handler', 120],
      ['schedule.handler', 60],
      ['watchdog.handler', 60],
    ]);
  });

  it('gives the functions that carry out migrations every allowed action, the schedule none at the load balancer, and the watchdog what a rollback needs', () => {
    const actionsOf = (role: string) =>
      JSON.stringify(template.Resources[role])
        .match(/"(slb|cs|servicemesh|fc|log):\w+"/g)
        ?.map((one) => one.slice(1, -1));
    expect(actionsOf('MigrationRole')?.toSorted()).toEqual([...allowedActions].sort());
    expect(actionsOf('ScheduleRole')).toEqual(allowedActions.filter((action) => !action.startsWith('slb:')));
    expect(actionsOf('WatchdogRole')).toEqual([
      'slb:DescribeVServerGroupAttribute',
      'slb:DescribeHealthStatus',
      'slb:SetVServerGroupAttribute',
      'cs:DescribeClusterUserKubeconfig',
      'servicemesh:DescribeServiceMeshKubeconfig',
      'log:PostLogStoreLogs',
    ]);
  });

  it('gives the watchdog a timer and credentials that no other function has', () => {
    const roles = resourcesOf(template, 'ALIYUN::FC3::Function').map(([, one]) => JSON.stringify(one['Role']));
    expect(roles.filter((role) => role.includes('WatchdogRole'))).toHaveLength(1);
    const timers = fromTemplate(template, parameters).map(({ triggers }) => triggers[0]?.['triggerName']);
    expect(timers.filter((name) => name === 'watchdog')).toHaveLength(1);
  });

  it('keeps the planned migration off until a person switches it on', () => {
    expect(template.Parameters['ScheduleEnabled']?.Default).toBe(false);
    const schedule = fromTemplate(template, parameters).find(({ name }) => name === 'sluice-schedule');
    expect(schedule?.triggers[0]?.['triggerConfig']).toMatchObject({ enable: false });
  });

  it('gives every function an environment that the functions can read', () => {
    const deployed = fromTemplate(template, parameters);
    expect(deployed).toHaveLength(5);
    for (const { name, environment } of deployed) {
      const isWatchdog = name === 'sluice-watchdog';
      const config = isWatchdog ? watchdogConfig(environment) : loadConfig(environment);
      expect(config).toMatchObject({
        clusters: { ack: { id: parameters.AckClusterId, kubeconfig: `ack:${parameters.AckClusterId}` } },
        meshes: { asm: { kubeconfig: `asm:${parameters.AsmMeshId}` } },
        clb: { region: 'cn-hangzhou', endpoint: null, protocol: 'https' },
        channels: { ops: { kind: 'dingtalk' } },
        store: { kind: 'redis', url: 'env:REDIS_URL', shards: 1 },
      });
      if (isWatchdog) expect(config).toMatchObject({ invoker: null, publicUrl: null });
      else {
        const endpoint = 'https://1234567890123456.cn-hangzhou-internal.fc.aliyuncs.com';
        expect(config).toMatchObject({
          invoker: { function: 'sluice-step', endpoint },
          publicUrl: parameters.PublicUrl,
          signals: { main: { url: 'env:SLUICE_SIGNALS_MAIN_URL' } },
        });
      }
    }
  });

  it('invokes the function that it deploys as step', () => {
    const deployed = fromTemplate(template, { ...parameters, Prefix: 'other' });
    const { invoker } = loadConfig(deployed[0]?.environment ?? {});
    expect(deployed.map(({ name }) => name)).toContain(invoker?.function);
  });

  it('allows every action that the adapters call', () => {
    const called = [...readTree('.ts')]
      .filter(([path]) => path.startsWith('src/adapters/'))
      .flatMap(([, source]) => [...source.matchAll(/'((?:Describe|List|Set|Add|Remove|Modify)[A-Z]\w+)'/g)])
      .map(([, action = '']) => action);
    const granted = allowedActions.map((action) => action.split(':')[1] ?? '');
    expect([...new Set(called)].filter((action) => !granted.includes(action))).toEqual([]);
    const beyondOpenApi = ['InvokeFunction', 'PostLogStoreLogs'];
    expect(granted.filter((action) => !called.includes(action))).toEqual(beyondOpenApi);
  });

  it('holds no secret as a default', () => {
    const secrets = Object.values(template.Parameters).filter(({ NoEcho }) => NoEcho);
    expect(secrets.map(({ Default = '' }) => Default)).toEqual(secrets.map(() => ''));
  });
});

describe('a broken template is found out', () => {
  const cases: readonly [string, (draft: Draft) => void, RegExp][] = [
    ['a runtime that does not exist', (d) => (propertiesIn(d, 'ApiFunction')['Runtime'] = 'cobol'), /no runtime cobol/],
    ['a trigger of the moon', (d) => (propertiesIn(d, 'TickTrigger')['TriggerType'] = 'moon'), /no trigger type moon/],
    ['a time-out of 25 hours', (d) => (propertiesIn(d, 'StepFunction')['Timeout'] = 90_000), /timeout: 90000/],
    ['nine retries', (d) => (propertiesIn(d, 'StepAsync')['MaxAsyncRetryAttempts'] = 9), /maxAsyncRetryAttempts: 9/],
    ['no handler', (d) => delete propertiesIn(d, 'ApiFunction')['Handler'], /handler/],
    ['an unknown property', (d) => (propertiesIn(d, 'ApiFunction')['Memory'] = 512), /ApiFunction\.Memory: unknown/],
    [
      'an unknown property further in',
      (d) => (propertiesIn(d, 'ApiFunction')['VpcConfig'] = { VpcId: 'vpc-1', Subnet: 'x' }),
      /VpcConfig\.Subnet: unknown/,
    ],
    [
      'a Ref to nothing',
      (d) => (propertiesIn(d, 'ApiFunction')['Code'] = { OssBucketName: { Ref: 'Bukket' } }),
      /Bukket/,
    ],
    [
      'an attribute of nothing',
      (d) => (propertiesIn(d, 'ApiFunction')['Role'] = { 'Fn::GetAtt': ['Roel', 'Arn'] }),
      /Roel/,
    ],
    [
      'an attribute that the type lacks',
      (d) => (propertiesIn(d, 'ApiFunction')['Role'] = { 'Fn::GetAtt': ['MigrationRole', 'Urn'] }),
      /has no Urn/,
    ],
    [
      'a name in Sub that is nothing',
      (d) => (propertiesIn(d, 'ApiFunction')['FunctionName'] = { 'Fn::Sub': ['$', '{Prefx}-api'].join('') }),
      /Prefx/,
    ],
    ['an unknown type', (d) => (d.Resources['Extra'] = { Type: 'ALIYUN::FC3::Moon', Properties: {} }), /unknown type/],
    ['an unused parameter', (d) => (d.Parameters['Spare'] = { Type: 'String', Description: 'x' }), /Spare: declared/],
    ['a secret that is shown', (d) => delete d.Parameters['RedisUrl']?.['NoEcho'], /RedisUrl: a secret/],
    ['a handler without a file', (d) => (propertiesIn(d, 'StepFunction')['Handler'] = 'stop.handler'), /stop\.handler/],
    ['too much memory for the CPU', (d) => (propertiesIn(d, 'StepFunction')['MemorySize'] = 4096), /GB for each CPU/],
    [
      'a variable that nobody reads',
      (d) => (propertiesIn(d, 'ApiFunction')['EnvironmentVariables'] = { SLUICE_MOON: 'full' }),
      /SLUICE_MOON is documented nowhere/,
    ],
    [
      'more environment than the platform takes',
      (d) => (propertiesIn(d, 'ApiFunction')['EnvironmentVariables'] = { SLUICE_CLUSTERS: 'x'.repeat(4096) }),
      /bytes of environment/,
    ],
    [
      'a trigger that anybody may use without saying so',
      (d) => (propertiesIn(d, 'ApiTrigger')['TriggerConfig'] = { methods: ['GET'] }),
      /no authType undefined/,
    ],
    [
      'a method that is none',
      (d) => (propertiesIn(d, 'ApiTrigger')['TriggerConfig'] = { authType: 'anonymous', methods: ['FETCH'] }),
      /no method FETCH/,
    ],
    [
      'a misspelt trigger setting',
      (d) =>
        (propertiesIn(d, 'TickTrigger')['TriggerConfig'] = {
          cron: '@every 1m',
          cronExpression: '@every 1m',
          enable: true,
        }),
      /TriggerConfig has no cron/,
    ],
    [
      'a cron expression of five fields',
      (d) => (propertiesIn(d, 'TickTrigger')['TriggerConfig'] = { cronExpression: '*/5 * * * *', enable: true }),
      /5 fields/,
    ],
    [
      'a wildcard action',
      (d) => (propertiesIn(d, 'ScheduleRole')['Policies'] = policies('slb:*', 'acs:slb:*:*:loadbalancer/lb-1')),
      /action slb:\* is not on the list/,
    ],
    [
      'a wildcard resource',
      (d) => (propertiesIn(d, 'ScheduleRole')['Policies'] = policies('fc:InvokeFunction', '*')),
      /resource \* is too wide/,
    ],
    [
      'limits left to the platform',
      (d) => delete propertiesIn(d, 'StepAsync')['MaxAsyncEventAgeInSeconds'],
      /MaxAsyncEventAgeInSeconds is left to the platform/,
    ],
    [
      'a function without limits',
      (d) => delete d.Resources['StepAsync'],
      /StepFunction: invoked asynchronously without/,
    ],
  ];

  it.each(cases)('%s', async (_, change, message) => {
    expect(await problemsOf(broken(change))).toContainEqual(expect.stringMatching(message));
  });

  it('a file in functions/ that nothing deploys', async () => {
    const more = { ...installation, functions: [...installation.functions, 'watchdog-of-the-moon'] };
    expect(await problemsOf(template, more)).toEqual(['functions/watchdog-of-the-moon.ts is deployed by nothing']);
  });
});

function policies(action: string, resource: string): unknown {
  const Statement = [{ Effect: 'Allow', Action: [action], Resource: [resource] }];
  return [{ PolicyName: 'too-much', PolicyDocument: { Version: '1', Statement } }];
}

describe('s.yaml', () => {
  it('describes the same functions, triggers, limits and environment as template.yml', async () => {
    expect(fromServerless(await readServerless(), shell)).toEqual(fromTemplate(template, parameters));
  });

  it('agrees also where the optional variables are not given', async () => {
    const {
      SLUICE_PUBLIC_URL: _url,
      SLUICE_CHANNEL_OPS_URL: _ops,
      SLUICE_CHANNEL_OPS_SECRET: _secret,
      SLUICE_SIGNALS_MAIN_URL: _main,
      SLUICE_SIGNALS_MAIN_TOKEN: _token,
      ...rest
    } = shell;
    const less = {
      ...parameters,
      PublicUrl: '',
      ChannelOpsUrl: '',
      ChannelOpsSecret: '',
      SignalsMainUrl: '',
      SignalsMainToken: '',
    };
    const deployed = fromTemplate(template, less);
    expect(fromServerless(await readServerless(), rest)).toEqual(deployed);
    expect(Object.keys(deployed[0]?.environment ?? {})).not.toContain('SLUICE_PUBLIC_URL');
  });

  it('differs visibly when one of the two is changed alone', async () => {
    const text = (await readServerless()).replace('timeout: 120', 'timeout: 121');
    expect(fromServerless(text, shell)).not.toEqual(fromTemplate(template, parameters));
  });

  it('names the variable of the shell that is missing', async () => {
    const { REDIS_URL: _redis, ...rest } = shell;
    const text = await readServerless();
    expect(() => fromServerless(text, rest)).toThrow('REDIS_URL is needed');
  });
});
