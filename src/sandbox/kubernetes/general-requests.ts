import { type Attempt, isAllowed } from './access.ts';
import { methodNotAllowed } from './api-error.ts';
import {
  aggregated,
  apiVersions,
  groupList,
  groupOf,
  resourceList,
  reviewGroup,
  reviewKind,
  reviewPlural,
} from './discovery.ts';
import type { Answer, Exchange } from './exchange.ts';
import { ok } from './exchange.ts';
import { type JsonObject, objectAt, textAt } from './json.ts';
import { acceptedRepresentation } from './media-types.ts';
import { openApiIndex, openApiV3 } from './openapi.ts';
import { readBody, valueOfBody } from './request-body.ts';
import type { ResourceType } from './resource-types.ts';
import type { GroupPath } from './routing.ts';

/** A document and, where it is no plain JSON, its content type. */
export interface Document {
  readonly body: JsonObject;
  readonly contentType?: string;
}

/** The discovery document of a path above the resources, or null where there is none. */
export function discoveryDocument(
  exchange: Exchange,
  serves: readonly ResourceType[],
  path: GroupPath | null,
): Document | null {
  const { pathname } = exchange.url;
  if (pathname === '/openapi/v3') return { body: openApiIndex(serves) };
  if (pathname.startsWith('/openapi/v3/')) return wrapped(openApiOf(serves, pathname.slice('/openapi/v3/'.length)));
  if (path === null) return null;
  const isCore = pathname.startsWith('/api/') || pathname === '/api';
  if (path.version === '' && path.group === '') return rootDocument(exchange, serves, isCore);
  if (path.version === '') return wrapped(groupOf(serves, path.group));
  return wrapped(resourceList(serves, path.group, path.version));
}

function wrapped(body: JsonObject | null): Document | null {
  return body === null ? null : { body };
}

/** /api and /apis: the short list, or everything at once for clients that ask for aggregated discovery. */
function rootDocument({ request }: Exchange, serves: readonly ResourceType[], isCore: boolean): Document {
  const offered = ['APIGroupDiscoveryList/v2', 'APIGroupDiscoveryList/v2beta1'];
  const { as, version } = acceptedRepresentation(request.headers.accept, offered);
  if (as === '') return { body: isCore ? apiVersions() : groupList(serves) };
  const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=${as}`;
  return { body: aggregated(serves, isCore, version), contentType };
}

function openApiOf(serves: readonly ResourceType[], name: string): JsonObject | null {
  const [root, ...parts] = name.split('/');
  const [group = '', version = ''] = root === 'api' ? ['', parts[0]] : parts;
  return openApiV3(serves, group, version);
}

/** Whether a path is the review that answers "may I?". */
export function isReviewPath(path: GroupPath | null): boolean {
  return path?.group === reviewGroup && path.rest.length === 1 && path.rest[0] === reviewPlural;
}

/** SelfSubjectAccessReview: everybody may ask what they may do. */
export async function answerReview({ request, subject }: Exchange): Promise<Answer> {
  if (request.method !== 'POST') throw methodNotAllowed();
  const review = objectAt(valueOfBody(request.headers['content-type'], await readBody(request)));
  const attributes = objectAt(review, 'spec', 'resourceAttributes');
  const attempt: Attempt = {
    verb: textAt(attributes, 'verb'),
    group: textAt(attributes, 'group'),
    plural: textAt(attributes, 'resource'),
    subresource: textAt(attributes, 'subresource'),
    namespace: textAt(attributes, 'namespace'),
    name: textAt(attributes, 'name'),
  };
  const status = { allowed: isAllowed(subject.rules, attempt) };
  const metadata = { creationTimestamp: null };
  const head = { kind: reviewKind, apiVersion: `${reviewGroup}/v1`, metadata };
  return { ...ok({ ...head, spec: objectAt(review, 'spec'), status }), status: 201 };
}
