import { isMap, type Template } from './template.ts';

const pseudo = ['ALIYUN::Region', 'ALIYUN::TenantId', 'ALIYUN::NoValue'];

/** Attributes that ROS documents for the types in use. */
const attributes: Readonly<Record<string, readonly string[]>> = {
  'ALIYUN::RAM::Role': ['Arn', 'RoleId', 'RoleName'],
  'ALIYUN::FC3::Function': ['Arn', 'FunctionId', 'FunctionName'],
  'ALIYUN::FC3::Trigger': ['FunctionName', 'TriggerId', 'TriggerName', 'UrlInternet', 'UrlIntranet'],
};

/** Every Ref, GetAtt, Sub and If that points at nothing, and every parameter and condition that nobody uses. */
export function referenceProblems(template: Template): string[] {
  const problems: string[] = [];
  const used = new Set<string>();
  const ref = (name: string, path: string) => {
    used.add(name);
    if (!pseudo.includes(name) && !template.Parameters[name] && !template.Resources[name]) {
      problems.push(`${path}: Ref to ${name}, which is not there`);
    }
  };
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) value.forEach((one, index) => void visit(one, `${path}[${index}]`));
    if (!isMap(value)) return;
    for (const [key, one] of Object.entries(value)) {
      if (key === 'Ref') ref(String(one), path);
      else if (key === 'Fn::Sub') {
        for (const [, name = ''] of String(one).matchAll(/\$\{([^}]*)\}/g)) ref(name, path);
      } else if (key === 'Fn::GetAtt') problems.push(...attributeProblems(template, one, path));
      else if (key === 'Fn::If') {
        const condition = String((one as unknown[])[0]);
        used.add(condition);
        if (!template.Conditions[condition]) problems.push(`${path}: no condition ${condition}`);
        visit(one, path);
      } else visit(one, `${path}.${key}`);
    }
  };
  for (const section of ['Conditions', 'Resources', 'Outputs'] as const) visit(template[section], section);
  for (const name of [...Object.keys(template.Parameters), ...Object.keys(template.Conditions)]) {
    if (!used.has(name)) problems.push(`${name}: declared, and used by nothing`);
  }
  return problems;
}

function attributeProblems(template: Template, argument: unknown, path: string): string[] {
  const [name = '', attribute = ''] = argument as string[];
  const resource = template.Resources[name];
  if (!resource) return [`${path}: GetAtt of ${name}, which is not there`];
  return attributes[resource.Type]?.includes(attribute) ? [] : [`${path}: ${resource.Type} has no ${attribute}`];
}
