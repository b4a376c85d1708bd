// An empty program, to measure the cost of any compiled program.
export {};
