/** An error answer of the OpenAPI: the vendor's code and text, and the HTTP status it comes with. */
export class ClbError extends Error {
  override readonly name = 'ClbError';
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * The errors that the sandbox answers, as the vendor words them.
 *
 * @source AlibabaCloudDocs/slb "Common error codes", and reference B2
 */
export const clbErrors = {
  actionNotFound: () =>
    new ClbError(404, 'InvalidAction.NotFound', 'Specified api is not found, please check your url and method.'),
  missing: (name: string) =>
    new ClbError(
      400,
      'MissingParameter',
      `The input parameter "${name}" that is mandatory for processing this request is not supplied.`,
    ),
  invalid: (name: string) => new ClbError(400, 'InvalidParameter', `The specified parameter ${name} is not valid.`),
  regionNotFound: () => new ClbError(404, 'InvalidRegionId.NotFound', 'The specified RegionId does not exist.'),
  loadBalancerNotFound: () =>
    new ClbError(404, 'InvalidLoadBalancerId.NotFound', 'The specified LoadBalancerId does not exist.'),
  groupNotFound: () => new ClbError(404, 'InvalidParameter', 'The specified VServerGroupId does not exist.'),
  listenerNotFound: () =>
    new ClbError(
      404,
      'ListenerNotFound',
      'You have not created a listener for the specified port of the load balancer.',
    ),
  checkedListenerNotFound: () =>
    new ClbError(
      404,
      'CheckedListenerNotFound',
      'No health-checked Listener to the specified port of the Load Balancer.',
    ),
  otherProtocol: () =>
    new ClbError(
      400,
      'UnsupportedOperationonfixedprotocalport',
      'The operation is not supported by the protocol of the specified port.',
    ),
  configuring: () =>
    new ClbError(
      409,
      'BackendServer.configuring',
      'A previous configuration of the load balancer is pending; please try again later.',
    ),
  serversMalformed: () =>
    new ClbError(400, 'BackendServersMalformed', 'the specified parameter BackendServers is unavailable.'),
  serversInvalid: () => new ClbError(400, 'InvalidParameter', 'The specified BackendServers is invalid.'),
  serverPortInvalid: () =>
    new ClbError(
      400,
      'InvalidParameter',
      'The specified BackendServers is invalid, as the Port value should be in [1, 65535].',
    ),
  serversUnknown: () =>
    new ClbError(
      400,
      'ObtainIpFail',
      'The specified BackendServers is invalid; some of the specified backend servers do not exist or are not running.',
    ),
  tooManyServers: (max: number) =>
    new ClbError(
      400,
      'TooManyBackendServers',
      `The total number of input real servers exceeds max supported number: ${max}`,
    ),
  weightMalformed: () => new ClbError(400, 'InvalidWeight.Malformed', 'A specified weight is not valid.'),
  backendsOverLimit: () =>
    new ClbError(
      400,
      'InstanceBackendServerNumberOverLimit',
      'The number of backend servers of the load balancer exceeds the limit.',
    ),
  listenerExists: () =>
    new ClbError(
      400,
      'ListenerAlreadyExists',
      'There is already a listener bound to the port on the specified Load Balancer.',
    ),
  throttled: () => new ClbError(400, 'Throttling.User', 'Request was denied due to user flow control.'),
  overQuota: () => new ClbError(400, 'OverQuota', 'The Total is over the quota.'),
  groupBound: () => new ClbError(400, 'RspoolVipExist', 'there are vips associating with this vServer group.'),
  groupRuled: () => new ClbError(400, 'RspoolRuleExist', 'there are rules associating with this vServer group.'),
  tagsOverLimit: () => new ClbError(400, 'TagCountLimit', 'Tags count limit exceeded.'),
  tooLong: () => new ClbError(400, 'InvalidParameterLength', 'The specified parameter length is not valid.'),
} as const;
