import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type RosResource, Stack } from '@alicloud/ros-cdk-core';
import { RosAsyncInvokeConfig, RosFunction, RosTrigger } from '@alicloud/ros-cdk-fc3';
import { RosRole } from '@alicloud/ros-cdk-ram';
import { isIntrinsic, isMap, type Template } from './template.ts';

type Make = (stack: Stack, id: string, properties: never) => RosResource;
const classes: Readonly<Record<string, Make>> = {
  'ALIYUN::FC3::Function': (stack, id, properties) => new RosFunction(stack, id, properties, true),
  'ALIYUN::FC3::Trigger': (stack, id, properties) => new RosTrigger(stack, id, properties, true),
  'ALIYUN::FC3::AsyncInvokeConfig': (stack, id, properties) => new RosAsyncInvokeConfig(stack, id, properties, true),
  'ALIYUN::RAM::Role': (stack, id, properties) => new RosRole(stack, id, properties, true),
};

/** Maps whose keys belong to whoever writes them: everything below keeps its spelling. */
const freeMaps = ['EnvironmentVariables', 'TriggerConfig'];

/**
 * Feeds each resource to the vendor's own class and synthesizes it, offline. The class refuses wrong types, missing
 * properties and values out of range; what it does not know it drops in silence, so its output is compared with the input.
 */
export async function rosProblems(template: Template): Promise<string[]> {
  const problems: string[] = [];
  for (const [name, resource] of Object.entries(template.Resources)) {
    const make = classes[resource.Type];
    if (!make) {
      problems.push(`${name}: unknown type ${resource.Type}`);
      continue;
    }
    const made = await synthesize(make, name, resource.Properties);
    if (typeof made === 'string') problems.push(`${name}: ${made}`);
    else problems.push(...droppedProperties(resource.Properties, made, name));
  }
  return problems;
}

async function synthesize(make: Make, name: string, properties: Record<string, unknown>) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-ros-'));
  try {
    const app = new App({ outdir: folder });
    make(new Stack(app, 'stack'), name, asClassTakesIt(properties) as never);
    app.synth();
    const text = await readFile(join(folder, 'stack.template.json'), 'utf8');
    const made = JSON.parse(text) as { Resources: Record<string, { Properties: Record<string, unknown> }> };
    return made.Resources[name]?.Properties ?? 'nothing was synthesized';
  } catch (error) {
    return error instanceof Error ? (error.message.split('\nObject creation stack')[0] ?? '') : String(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `OssBucketName` is `ossBucketName` for the classes. */
function asClassTakesIt(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asClassTakesIt);
  if (!isMap(value) || isIntrinsic(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key.charAt(0).toLowerCase() + key.slice(1),
      freeMaps.includes(key) ? one : asClassTakesIt(one),
    ]),
  );
}

function droppedProperties(given: unknown, made: unknown, path: string): string[] {
  if (Array.isArray(given)) {
    return given.flatMap((one, index) =>
      droppedProperties(one, Array.isArray(made) ? made[index] : undefined, `${path}[${index}]`),
    );
  }
  if (isMap(given) && isMap(made)) {
    return Object.entries(given).flatMap(([key, one]) => droppedProperties(one, made[key], `${path}.${key}`));
  }
  return JSON.stringify(given) === JSON.stringify(made) ? [] : [`${path}: unknown property, or of the wrong form`];
}
