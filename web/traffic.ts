/* Counts what this worker fetches from the archives, by the browser's own measurements. */

import type { Traffic } from './wire.ts';

/** Reports what was fetched so far, and again whenever that grows. */
export function watchTraffic(listener: (traffic: Traffic) => void): void {
  let traffic: Traffic = { requests: 0, bytes: 0 };
  const observer = new PerformanceObserver((list) => {
    const fetches = (list.getEntries() as PerformanceResourceTiming[]).filter((entry) => entry.initiatorType === 'fetch');
    if (fetches.length === 0) return;
    const fetched = fetches.reduce((sum, entry) => sum + entry.encodedBodySize, 0);
    traffic = { requests: traffic.requests + fetches.length, bytes: traffic.bytes + fetched };
    listener(traffic);
  });
  observer.observe({ type: 'resource', buffered: true });
  listener(traffic);
}
