/** What this process itself has worked since it was asked, milliseconds: other processes on a busy machine do not count. */
export function cpuTimer(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
