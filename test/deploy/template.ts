import { parse } from 'yaml';

/** A ROS template as far as the checks look into it. Properties keep the vendor's spelling. */
export interface Template {
  readonly Parameters: Record<string, TemplateParameter>;
  readonly Conditions: Record<string, unknown>;
  readonly Resources: Record<string, TemplateResource>;
  readonly Outputs: Record<string, { readonly Value: unknown; readonly Description?: string }>;
}

export interface TemplateParameter {
  readonly Type: string;
  readonly Description?: string;
  readonly Default?: string | number | boolean;
  readonly NoEcho?: boolean;
  readonly AllowedPattern?: string;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
}

export function parseTemplate(text: string): Template {
  // Aliases are refused: whether ROS follows them is not documented.
  return parse(text, { maxAliasCount: 0 }) as Template;
}

export function resourcesOf(template: Template, type: string): readonly [string, Record<string, unknown>][] {
  return Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([name, resource]) => [name, resource.Properties]);
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `Ref` and `Fn::...` are the template's functions: ROS replaces them by values. */
export function isIntrinsic(value: unknown): value is Record<string, unknown> {
  if (!isMap(value)) return false;
  const [key, ...others] = Object.keys(value);
  return key !== undefined && others.length === 0 && (key === 'Ref' || key.startsWith('Fn::'));
}

/** What the pseudo parameters and parameters are worth, for rendering a template here. */
export type Values = Readonly<Record<string, string | number | boolean>>;

/** The value that ROS would put in place; what only the cloud knows (attributes) stays as it is. */
export function render(template: Template, value: unknown, values: Values): unknown {
  if (Array.isArray(value)) return value.map((one) => render(template, one, values));
  if (!isMap(value)) return value;
  if (!isIntrinsic(value)) {
    const entries = Object.entries(value).map(([key, one]) => [key, render(template, one, values)] as const);
    return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
  }
  const [name = '', argument] = Object.entries(value)[0] ?? [];
  return renderIntrinsic(template, name, argument, values);
}

function renderIntrinsic(template: Template, name: string, argument: unknown, values: Values): unknown {
  const given = (key: string) => values[key] ?? template.Parameters[key]?.Default;
  switch (name) {
    case 'Ref':
      return argument === 'ALIYUN::NoValue' ? undefined : given(String(argument));
    case 'Fn::Sub':
      return String(argument).replace(/\$\{([\w:]+)\}/g, (_, key: string) => String(given(key)));
    case 'Fn::Str':
      return String(render(template, argument, values));
    case 'Fn::If': {
      const [condition, yes, no] = argument as [string, unknown, unknown];
      const holds = render(template, template.Conditions[condition], values) === true;
      return render(template, holds ? yes : no, values);
    }
    case 'Fn::Not':
      return render(template, argument, values) !== true;
    case 'Fn::Equals': {
      const [left, right] = render(template, argument, values) as [unknown, unknown];
      return left === right;
    }
    default:
      return { [name]: argument };
  }
}
