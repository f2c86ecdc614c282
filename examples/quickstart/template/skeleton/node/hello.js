const [, , name = "world"] = process.argv;
process.stdout.write(`Hello, ${name}!\n`);
