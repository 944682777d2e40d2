/** Which server fetches what is due. */
export interface RefreshClaims {
  /**
   * Takes a time at which something is due, once for all servers.
   *
   * @param name of what is due and when; the same at every server
   * @param forMs how long nobody else can take it
   * @returns false when another server has it; rejects when that cannot be told
   */
  claim(name: string, forMs: number): Promise<boolean>;
}
