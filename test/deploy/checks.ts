import { cronProblem } from './cron.ts';
import { isMap, render, resourcesOf, type Template, type Values } from './template.ts';

/** What the template has to agree with. */
export interface Installation {
  /** Names of functions/*.ts without the ending. */
  readonly functions: readonly string[];
  /** Names of the variables that src/config.ts documents. */
  readonly variables: readonly string[];
  /** Parameters as an operator would give them. */
  readonly values: Values;
}

/** What Function Compute's own runtimes list ends with; later ones are not offered. */
const runtimes = ['nodejs18', 'nodejs20'];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** Secrets of channels and of sources of signals have names that the installation chooses, in this form. */
const ownVariable = /^SLUICE_(?:CHANNEL|SIGNALS)_[A-Z0-9_]+_(?:URL|SECRET|TOKEN)$/;
const environmentBytesMax = 4096;
const payloadBytesMax = 128 * 1024;

/** Every cloud action of the adapters, and no other. */
export const allowedActions: readonly string[] = [
  'slb:DescribeLoadBalancerAttribute',
  'slb:DescribeLoadBalancerListeners',
  'slb:DescribeVServerGroups',
  'slb:DescribeVServerGroupAttribute',
  'slb:DescribeHealthStatus',
  'slb:ListTagResources',
  'slb:SetVServerGroupAttribute',
  'cs:DescribeClusterUserKubeconfig',
  'servicemesh:DescribeServiceMeshKubeconfig',
  'fc:InvokeFunction',
  'log:PostLogStoreLogs',
];

/** What the vendor's classes do not look at. */
export function ownProblems(template: Template, installation: Installation): string[] {
  return [
    ...parameterProblems(template),
    ...resourcesOf(template, 'ALIYUN::FC3::Function').flatMap(([name, properties]) =>
      functionProblems(name, render(template, properties, installation.values) as Properties, installation),
    ),
    ...missingFunctions(template, installation),
    ...resourcesOf(template, 'ALIYUN::FC3::Trigger').flatMap(([name, properties]) =>
      triggerProblems(name, render(template, properties, installation.values) as Properties),
    ),
    ...doubleHttpTriggers(template),
    ...resourcesOf(template, 'ALIYUN::RAM::Role').flatMap(([name, properties]) => roleProblems(name, properties)),
    ...asyncProblems(template),
  ];
}

type Properties = Record<string, unknown>;

function parameterProblems(template: Template): string[] {
  return Object.entries(template.Parameters).flatMap(([name, { Description, NoEcho }]) => [
    ...(Description ? [] : [`${name}: a parameter without a description`]),
    ...(/(Secret|Tokens|OpsUrl|RedisUrl)$/.test(name) && !NoEcho ? [`${name}: a secret that would be shown`] : []),
  ]);
}

function functionProblems(name: string, properties: Properties, { functions, variables }: Installation): string[] {
  const problems: string[] = [];
  const runtime = String(properties['Runtime']);
  if (!runtimes.includes(runtime)) problems.push(`${name}: no runtime ${runtime}`);
  const [file = '', method] = String(properties['Handler']).split('.');
  if (!functions.includes(file) || method !== 'handler') {
    problems.push(`${name}: handler ${String(properties['Handler'])} names no file in functions/`);
  }
  if (!String(properties['FunctionName']).endsWith(`-${file}`)) problems.push(`${name}: name and handler differ`);
  const cpu = Number(properties['Cpu']);
  const ratio = Number(properties['MemorySize']) / 1024 / cpu;
  if (!(ratio >= 1 && ratio <= 4)) problems.push(`${name}: ${ratio} GB for each CPU; the platform takes 1 to 4`);
  if (Math.round(cpu * 100) % 5 !== 0) problems.push(`${name}: CPU comes in steps of 0.05`);
  return [...problems, ...environmentProblems(name, properties['EnvironmentVariables'], variables)];
}

function environmentProblems(name: string, environment: unknown, variables: readonly string[]): string[] {
  if (!isMap(environment)) return [`${name}: no environment`];
  const unknown = Object.keys(environment).filter((key) => !variables.includes(key) && !ownVariable.test(key));
  const bytes = Object.entries(environment).reduce((sum, [key, one]) => sum + Buffer.byteLength(key + String(one)), 0);
  return [
    ...unknown.map((key) => `${name}: variable ${key} is documented nowhere`),
    ...Object.entries(environment)
      .filter(([, one]) => typeof one !== 'string')
      .map(([key]) => `${name}: ${key} is no string`),
    ...(bytes > environmentBytesMax ? [`${name}: ${bytes} bytes of environment; 4096 are allowed`] : []),
  ];
}

function missingFunctions(template: Template, { functions }: Installation): string[] {
  const described = resourcesOf(template, 'ALIYUN::FC3::Function').map(([, { Handler }]) => String(Handler));
  return functions
    .filter((file) => !described.includes(`${file}.handler`))
    .map((file) => `functions/${file}.ts is deployed by nothing`);
}

function triggerProblems(name: string, properties: Properties): string[] {
  const config = properties['TriggerConfig'];
  if (!isMap(config)) return [`${name}: TriggerConfig is no map`];
  const problems = /^[A-Za-z_][\w-]{0,127}$/.test(String(properties['TriggerName'])) ? [] : [`${name}: bad name`];
  switch (properties['TriggerType']) {
    case 'http':
      return [...problems, ...httpProblems(name, config)];
    case 'timer':
      return [...problems, ...timerProblems(name, config)];
    default:
      return [...problems, `${name}: no trigger type ${String(properties['TriggerType'])}`];
  }
}

function httpProblems(name: string, config: Properties): string[] {
  const asked = Array.isArray(config['methods']) ? config['methods'].map(String) : [];
  return [
    ...strangeKeys(name, config, ['authType', 'methods', 'disableURLInternet']),
    ...(['anonymous', 'function', 'jwt'].includes(String(config['authType']))
      ? []
      : [`${name}: no authType ${String(config['authType'])}`]),
    ...(asked.length === 0 ? [`${name}: no methods`] : []),
    ...asked.filter((method) => !methods.includes(method)).map((method) => `${name}: no method ${method}`),
  ];
}

function timerProblems(name: string, config: Properties): string[] {
  const problem = cronProblem(String(config['cronExpression']));
  return [
    ...strangeKeys(name, config, ['cronExpression', 'enable', 'payload']),
    ...(problem ? [`${name}: ${problem}`] : []),
    ...(typeof config['enable'] === 'boolean' ? [] : [`${name}: enable is neither true nor false`]),
    ...(Buffer.byteLength(String(config['payload'] ?? '')) > payloadBytesMax ? [`${name}: payload over 128 KB`] : []),
  ];
}

function strangeKeys(name: string, config: Properties, known: readonly string[]): string[] {
  return Object.keys(config)
    .filter((key) => !known.includes(key))
    .map((key) => `${name}: TriggerConfig has no ${key}`);
}

function doubleHttpTriggers(template: Template): string[] {
  const seen = new Set<string>();
  return resourcesOf(template, 'ALIYUN::FC3::Trigger').flatMap(([name, { TriggerType, FunctionName }]) => {
    if (TriggerType !== 'http') return [];
    const target = JSON.stringify(FunctionName);
    if (seen.has(target)) return [`${name}: a second HTTP trigger of one function`];
    seen.add(target);
    return [];
  });
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: readonly unknown[];
  readonly Principal?: { readonly Service?: readonly string[] };
}

function roleProblems(name: string, properties: Properties): string[] {
  const trust = properties['AssumeRolePolicyDocument'] as { Statement: readonly Statement[] };
  const strangers = trust.Statement.flatMap(({ Principal }) => Principal?.Service ?? ['anyone']).filter(
    (service) => service !== 'fc.aliyuncs.com',
  );
  const policies = properties['Policies'] as readonly { PolicyDocument: { Statement: readonly Statement[] } }[];
  const statements = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  return [
    ...strangers.map((service) => `${name}: may be taken by ${service}`),
    ...(properties['PolicyAttachments'] === undefined ? [] : [`${name}: attached policies are not least privilege`]),
    ...statements.flatMap(({ Action }) =>
      [Action]
        .flat()
        .filter((action) => !allowedActions.includes(action))
        .map((action) => `${name}: action ${action} is not on the list`),
    ),
    ...statements.flatMap(({ Resource = [] }) => resourceProblems(name, Resource)),
  ];
}

function resourceProblems(name: string, resources: readonly unknown[]): string[] {
  if (resources.length === 0) return [`${name}: a statement without a resource`];
  return resources
    .map((one) => (isMap(one) ? String(one['Fn::Sub']) : String(one)))
    .filter((text) => !text.startsWith('acs:') || text.endsWith('*'))
    .map((text) => `${name}: resource ${text} is too wide`);
}

function asyncProblems(template: Template): string[] {
  const configured = new Map(
    resourcesOf(template, 'ALIYUN::FC3::AsyncInvokeConfig').map(([name, properties]) => [
      JSON.stringify(properties['FunctionName']),
      { name, properties },
    ]),
  );
  const incomplete = [...configured.values()].flatMap(({ name, properties }) =>
    ['AsyncTask', 'MaxAsyncRetryAttempts', 'MaxAsyncEventAgeInSeconds']
      .filter((key) => properties[key] === undefined)
      .map((key) => `${name}: ${key} is left to the platform`),
  );
  const bare = resourcesOf(template, 'ALIYUN::FC3::Function')
    .filter(([, { Handler }]) => Handler !== 'api.handler')
    .filter(([name]) => !configured.has(JSON.stringify({ 'Fn::GetAtt': [name, 'FunctionName'] })))
    .map(([name]) => `${name}: invoked asynchronously without limits of its own`);
  return [...incomplete, ...bare];
}
