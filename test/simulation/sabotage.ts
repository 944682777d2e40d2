/** Rules of the simulation that are broken on purpose. */

/**
 * What is done to a Redis of the simulation so that a rule no longer holds: a simulation that notices none of these proves nothing.
 *
 * - `deaf-log`       invalidations are acknowledged and never heard of
 * - `two-leaders`    a lease is given to everybody
 * - `no-beat`        a lease ends when its time is over, however often its holder renews it
 * - `no-fence`       a lease that was lost is confirmed, and its token refuses nothing
 * - `purge-join`     who asks after a purge waits with those who asked before
 */
export type Sabotage = 'deaf-log' | 'two-leaders' | 'no-beat' | 'no-fence' | 'purge-join';
