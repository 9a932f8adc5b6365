import { type Action, type Body, type Cloud, loadBalancerWith, type Write } from './cloud.ts';
import { clbErrors } from './errors.ts';
import type { LoadBalancer } from './load-balancer.ts';
import { listParam, oneOf, optional, type Params, pageByToken, required, tagParams } from './params.ts';

const tagsMax = 20;
const pageSize = 50;

/** Tags decide whether the cloud controller may reuse an instance (reference A7); they do not take the write lock. */
export const tagActions: Readonly<Record<string, Action>> = {
  ListTagResources: { kind: 'read', run: listTags },
  TagResources: { kind: 'write', run: tag },
  UntagResources: { kind: 'write', run: untag },
};

function listTags(cloud: Cloud, params: Params): Body {
  checkType(params);
  const ids = listParam(params, 'ResourceId');
  const keys = tagParams(params);
  const found = cloud.loadBalancers
    .filter((one) => ids.length === 0 || ids.includes(one.id))
    .flatMap((one) =>
      Object.entries(one.tags).map(([key, value]) => ({
        ResourceId: one.id,
        ResourceType: 'instance',
        TagKey: key,
        TagValue: value,
      })),
    )
    .filter((found) =>
      keys.every(({ key, value }) => found.TagKey === key && (value === '' || found.TagValue === value)),
    );
  const { page, nextToken } = pageByToken(found, optional(params, 'NextToken'), pageSize);
  return { TagResources: { TagResource: page }, NextToken: nextToken };
}

function tag(cloud: Cloud, params: Params): Write {
  const loadBalancer = onlyResource(cloud, params);
  const added = tagParams(params);
  if (added.length === 0) throw clbErrors.missing('Tag.1.Key');
  const tags = { ...loadBalancer.tags, ...Object.fromEntries(added.map(({ key, value }) => [key, value])) };
  if (Object.keys(tags).length > tagsMax) throw clbErrors.tagsOverLimit();
  return { loadBalancerId: loadBalancer.id, next: { ...loadBalancer, tags }, isLocked: false, body: {} };
}

/** Without a TagKey every tag goes, as with the real thing: that is why an empty list must never be sent (B1). */
function untag(cloud: Cloud, params: Params): Write {
  const loadBalancer = onlyResource(cloud, params);
  const keys = listParam(params, 'TagKey');
  const kept = Object.entries(loadBalancer.tags).filter(([key]) => keys.length > 0 && !keys.includes(key));
  const next = { ...loadBalancer, tags: Object.fromEntries(kept) };
  return { loadBalancerId: loadBalancer.id, next, isLocked: false, body: {} };
}

/** The real call takes up to 50 resources; its callers here name one. */
function onlyResource(cloud: Cloud, params: Params): LoadBalancer {
  checkType(params);
  const ids = listParam(params, 'ResourceId');
  const [id] = ids;
  if (id === undefined) throw clbErrors.missing('ResourceId.1');
  if (ids.length > 1) throw clbErrors.invalid('ResourceId');
  return loadBalancerWith(cloud, id);
}

function checkType(params: Params): void {
  oneOf('ResourceType', required(params, 'ResourceType'), ['instance']);
}
