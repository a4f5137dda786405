/**
 * After how long a request that was neither settled nor released is given up, in seconds: 25 hours, more than the
 * longest call that can be configured. The same for all replicas: it is part of where Redis keeps open requests.
 */
export const leaseSeconds = 90_000;
