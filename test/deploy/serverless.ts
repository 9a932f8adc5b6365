import { parse } from 'yaml';
import { isMap, render, resourcesOf, type Template, type Values } from './template.ts';

/** One function as both files have to describe it, in one spelling. */
export interface Deployed {
  readonly name: string;
  readonly plain: Record<string, unknown>;
  readonly environment: Record<string, string>;
  readonly triggers: readonly Record<string, unknown>[];
  readonly async: Record<string, unknown> | null;
}

const plainKeys = ['description', 'runtime', 'handler', 'timeout', 'cpu', 'memorySize', 'diskSize', 'internetAccess'];

/** `${env('NAME')}` and `${env('NAME', 'default')}` as Serverless Devs replaces them. */
function fromEnvironment(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{env\('(\w+)'(?:, '([^']*)')?\)\}/g, (whole, name: string, fallback?: string) => {
    const value = environment[name] ?? fallback;
    if (value === undefined) throw new Error(`${name} is needed by ${whole} and not given`);
    return value;
  });
}

/** The functions that s.yaml deploys from a shell with this environment. */
export function fromServerless(text: string, environment: Readonly<Record<string, string>>): Deployed[] {
  const document = parse(text) as { edition: string; resources: Record<string, { component: string; props: Map }> };
  const replaced = (value: unknown): unknown => {
    if (typeof value === 'string') return fromEnvironment(value, environment);
    if (Array.isArray(value)) return value.map(replaced);
    return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one)])) : value;
  };
  return Object.values(document.resources).map(({ component, props }) => {
    if (component !== 'fc3') throw new Error(`component ${component} is not fc3`);
    const properties = replaced(props) as Map;
    const triggers = (properties['triggers'] ?? []) as Map[];
    return {
      name: String(properties['functionName']),
      plain: { ...pick(properties, plainKeys), vpcConfig: properties['vpcConfig'], logConfig: properties['logConfig'] },
      environment: withoutEmpty(properties['environmentVariables'] as Record<string, string>),
      triggers: triggers.map((one) => pick(one, ['triggerName', 'triggerType', 'triggerConfig'])),
      async: (properties['asyncInvokeConfig'] as Map | undefined) ?? null,
    };
  });
}

type Map = Record<string, unknown>;

/** The functions that template.yml makes with these parameters. */
export function fromTemplate(template: Template, values: Values): Deployed[] {
  return resourcesOf(template, 'ALIYUN::FC3::Function').map(([name, raw]) => {
    const properties = camel(render(template, raw, values)) as Map;
    const own = (type: string) =>
      resourcesOf(template, type)
        .filter(([, one]) => JSON.stringify(one['FunctionName']) === `{"Fn::GetAtt":["${name}","FunctionName"]}`)
        .map(([, one]) => camel(render(template, one, values)) as Map);
    const [config] = own('ALIYUN::FC3::AsyncInvokeConfig');
    return {
      name: String(properties['functionName']),
      plain: { ...pick(properties, plainKeys), vpcConfig: properties['vpcConfig'], logConfig: properties['logConfig'] },
      environment: withoutEmpty(properties['environmentVariables'] as Record<string, string>),
      triggers: own('ALIYUN::FC3::Trigger').map((one) => pick(one, ['triggerName', 'triggerType', 'triggerConfig'])),
      async: config ? pick(config, ['asyncTask', 'maxAsyncRetryAttempts', 'maxAsyncEventAgeInSeconds']) : null,
    };
  });
}

function pick(from: Map, keys: readonly string[]): Map {
  return Object.fromEntries(keys.map((key) => [key, from[key]]));
}

/** An empty variable is an absent one: Serverless Devs cannot leave one out. */
function withoutEmpty(environment: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}

function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key.charAt(0).toLowerCase() + key.slice(1),
      key === 'EnvironmentVariables' ? one : camel(one),
    ]),
  );
}
