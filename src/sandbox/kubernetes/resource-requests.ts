import type { SandboxClock } from '../clock.ts';
import { refuseUnlessAllowed } from './access.ts';
import { ApiError, badRequest, methodNotAllowed, successBody } from './api-error.ts';
import { type Answer, type Exchange, ok } from './exchange.ts';
import { type FieldValidation, validatedFields } from './field-validation.ts';
import { isObject, type JsonObject, listAt, objectAt, textAt, withFields } from './json.ts';
import type { ObjectKey } from './kube-object.ts';
import type { ListOptions } from './listing.ts';
import type { ClusterModel, RemoveContext } from './model.ts';
import type { Patch } from './patching.ts';
import { renderingFor } from './rendering.ts';
import { objectOfBody, patchOfBody, readBody, valueOfBody } from './request-body.ts';
import { apiVersionOf } from './resource-types.ts';
import type { Target } from './routing.ts';
import { streamWatch } from './watch-stream.ts';
import type { WriteContext } from './write.ts';

const limitMax = 100_000;
const managerLengthMax = 128;

/** Carries out one request on a resource. Null when the answer is a watch that has streamed and ended. */
export async function answerResource(
  exchange: Exchange,
  model: ClusterModel,
  target: Target,
  clock: SandboxClock,
): Promise<Answer | null> {
  const { subject, url } = exchange;
  const { type, plural, subresource, namespace, name } = target;
  const verb = verbOf(exchange, target);
  refuseUnlessAllowed(subject, type, { verb, group: type.group, plural, subresource, namespace, name });
  const rendering = renderingFor(exchange, target, () => clock.now());
  switch (verb) {
    case 'get':
      return ok(rendering.object(model.get(plural, keyOf(target))));
    case 'list':
      return ok(rendering.list(model.list(plural, listOptions(url, target))));
    case 'watch':
      await streamWatch(exchange, model, target, watchOptions(url, target), clock);
      return null;
    case 'create':
    case 'update':
    case 'patch':
      return write(verb, exchange, model, target, clock);
    case 'delete':
      return remove(exchange, model, target, clock);
    case 'deletecollection':
      return removeAll(exchange, model, target, clock);
    default:
      return verb satisfies never;
  }
}

type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

function verbOf({ request, url }: Exchange, { name, subresource, type, namespace }: Target): Verb {
  const isWatch = ['1', 'true'].includes(url.searchParams.get('watch') ?? '');
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      if (isWatch && subresource === '') return 'watch';
      return name === '' ? 'list' : 'get';
    case 'POST':
      if (name === '' && (!type.namespaced || namespace !== '')) return 'create';
      break;
    case 'PUT':
      if (name !== '') return 'update';
      break;
    case 'PATCH':
      if (name !== '') return 'patch';
      break;
    case 'DELETE':
      if (subresource === '') return name === '' ? 'deletecollection' : 'delete';
      break;
    default:
  }
  throw methodNotAllowed();
}

function keyOf({ namespace, name }: Target): ObjectKey {
  return namespace === '' ? { name } : { namespace, name };
}

function listOptions(url: URL, { namespace, name }: Target): ListOptions {
  const limit = Number(url.searchParams.get('limit') ?? '0');
  if (!Number.isSafeInteger(limit) || limit < 0) throw badRequest('limit: Invalid value: must be a whole number >= 0');
  const fields = [url.searchParams.get('fieldSelector') ?? '', name === '' ? '' : `metadata.name=${name}`];
  return {
    ...(namespace === '' ? {} : { namespace }),
    labelSelector: url.searchParams.get('labelSelector') ?? '',
    fieldSelector: fields.filter((field) => field !== '').join(','),
    limit: Math.min(limit, limitMax),
    continue: url.searchParams.get('continue') ?? '',
  };
}

function watchOptions(url: URL, target: Target) {
  const { limit: _limit, continue: _continue, ...selection } = listOptions(url, target);
  const isInitial = url.searchParams.get('sendInitialEvents') === 'true';
  return { ...selection, since: isInitial ? '0' : url.searchParams.get('resourceVersion') || '0' };
}

async function write(
  verb: 'create' | 'update' | 'patch',
  exchange: Exchange,
  model: ClusterModel,
  target: Target,
  clock: SandboxClock,
): Promise<Answer> {
  const { request, url } = exchange;
  const { type, plural } = target;
  const contentType = request.headers['content-type'];
  const rendering = renderingFor(exchange, target, () => clock.now());
  const patch = verb === 'patch' ? patchOfBody(type, contentType, await readBody(request)) : null;
  const given = patch === null ? objectOfBody(type, contentType, await readBody(request)) : patch.body;
  const checked = isObject(given)
    ? validatedFields(type, given, fieldValidation(url))
    : { object: {}, warnings: [] as readonly string[] };
  const context = writeContext(exchange, target, clock);
  if (patch !== null) {
    const key = keyOf(target);
    const isNew = patch.kind === 'apply' && model.find(plural, key) === null;
    const full = patchWith(patch, isObject(given) ? checked.object : null, url, target);
    const body = rendering.object(model.patch(plural, key, full, context));
    return { status: isNew ? 201 : 200, body, warnings: checked.warnings };
  }
  const object = placed(checked.object, target);
  if (verb === 'update') {
    const body = rendering.object(model.update(plural, keyOf(target), object, context));
    return { status: 200, body, warnings: checked.warnings };
  }
  return { status: 201, body: rendering.object(model.create(plural, object, context)), warnings: checked.warnings };
}

function patchWith(patch: Patch, checked: JsonObject | null, url: URL, target: Target): Patch {
  const body = checked ?? patch.body;
  if (patch.kind !== 'apply') return { kind: patch.kind, body };
  if (!url.searchParams.get('fieldManager')) {
    const message = 'Required value: is required for apply patch';
    const text = `PatchOptions.meta.k8s.io "" is invalid: fieldManager: ${message}`;
    const causes = [{ reason: 'FieldValueRequired', message, field: 'fieldManager' }];
    throw new ApiError(422, 'Invalid', text, { group: 'meta.k8s.io', kind: 'PatchOptions', causes });
  }
  placed(objectAt(body), target);
  return { kind: 'apply', body, force: url.searchParams.get('force') === 'true' };
}

/** The object with the namespace of the path. @throws ApiError 400 when it names another one, or another name */
function placed(object: JsonObject, { namespace, name, type }: Target): JsonObject {
  const metadata = objectAt(object, 'metadata');
  const ownName = textAt(metadata, 'name');
  const ownNamespace = textAt(metadata, 'namespace');
  if (name !== '' && ownName !== '' && ownName !== name) {
    throw badRequest(`the name of the object (${ownName}) does not match the name on the URL (${name})`);
  }
  if (type.namespaced && ownNamespace !== '' && ownNamespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return withFields(object, { metadata: withFields(metadata, type.namespaced ? { namespace } : {}) });
}

function fieldValidation(url: URL): FieldValidation {
  const asked = url.searchParams.get('fieldValidation') || 'Warn';
  if (asked === 'Strict' || asked === 'Warn' || asked === 'Ignore') return asked;
  throw badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(asked)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

/** The manager is the one named in the query, else the first word of the User-Agent, as the API server has it. */
function writeContext({ request, url }: Exchange, target: Target, clock: SandboxClock): WriteContext {
  const agent = (request.headers['user-agent'] ?? 'unknown').split('/', 1)[0] ?? 'unknown';
  const dryRun = url.searchParams.getAll('dryRun');
  if (dryRun.some((each) => each !== 'All')) throw badRequest('dryRun: Unsupported value: supported values: "All"');
  return {
    now: clock.now(),
    manager: (url.searchParams.get('fieldManager') || agent).slice(0, managerLengthMax),
    apiVersion: apiVersionOf(target.type, target.version),
    dryRun: dryRun.length > 0,
    ...(target.subresource === '' ? {} : { subresource: target.subresource }),
  };
}

/** Kinds whose deletion answers with the object instead of a Status (their registries return the deleted object). */
const returnedKinds = ['Service', 'Pod', 'ServiceAccount', 'Namespace'];

async function remove(exchange: Exchange, model: ClusterModel, target: Target, clock: SandboxClock): Promise<Answer> {
  const context = await removeContext(exchange, target, clock);
  const { object, isGone } = model.remove(target.plural, keyOf(target), context);
  const isReturned = !isGone || returnedKinds.includes(target.type.kind);
  if (!isReturned) return ok(successBody(target.type, object.metadata.name, object.metadata.uid));
  return ok(renderingFor(exchange, target, () => clock.now()).object(object));
}

async function removeAll(
  exchange: Exchange,
  model: ClusterModel,
  target: Target,
  clock: SandboxClock,
): Promise<Answer> {
  const context = await removeContext(exchange, target, clock);
  const list = model.list(target.plural, listOptions(exchange.url, target));
  for (const { metadata } of list.items) model.remove(target.plural, metadata, context);
  return ok(renderingFor(exchange, target, () => clock.now()).list(list));
}

async function removeContext(exchange: Exchange, target: Target, clock: SandboxClock): Promise<RemoveContext> {
  const body = await readBody(exchange.request);
  const options = body.length === 0 ? {} : objectAt(valueOfBody(exchange.request.headers['content-type'], body));
  const uid = textAt(options, 'preconditions', 'uid');
  const resourceVersion = textAt(options, 'preconditions', 'resourceVersion');
  const context = writeContext(exchange, target, clock);
  return {
    ...context,
    dryRun: context.dryRun === true || listAt(options, 'dryRun').includes('All'),
    preconditions: { ...(uid === '' ? {} : { uid }), ...(resourceVersion === '' ? {} : { resourceVersion }) },
  };
}
