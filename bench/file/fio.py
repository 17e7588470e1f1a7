"""fio with its io_uring engine: as many random reads, as many under way."""
import json
import subprocess
import sys


def main():
    name, n, prepare = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    folder = subprocess.run([sys.executable, prepare], check=True, capture_output=True,
                            text=True).stdout.strip()
    command = ["fio", "--name=read", f"--filename={folder}/data", "--rw=randread", "--bs=4k",
               "--direct=1", "--ioengine=io_uring", "--iodepth=32", "--norandommap",
               f"--number_ios={n}", "--size=100%", "--io_size=1000g", "--output-format=json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    job = json.loads(output[output.index("{"):])["jobs"][0]["read"]
    print(json.dumps({"case": name, "value": job["iops"], "unit": "op/s", "n": n,
                      "backend": "io_uring"}))


if __name__ == "__main__":
    main()
