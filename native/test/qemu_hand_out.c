/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu_hand_out MEMORY: the way out of a guest of test/qemu. Copies its input into memory that the host sees as a file:
 * MEMORY is the second resource of qemu's ivshmem-plain device, which needs no driver, and takes 100 MB in the time that a
 * serial line needs for one. Read by test/qemu/guest.ts:
 *   "FBGUEST1" | u64 length | u32 crc32 of the data | u32 0 | data          little-endian; the magic is written last
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crc32.h"

struct frame { char magic[8]; uint64_t length; uint32_t crc, zero; unsigned char data[]; };

int main(int argc, char **argv)
{
	int memory = argc == 2 ? open(argv[1], O_RDWR) : -1;
	struct frame *frame;
	struct stat facts;
	ssize_t n = 1;
	size_t room, length = 0;

	if (memory < 0 || fstat(memory, &facts))
		return perror("qemu_hand_out"), 2;
	frame = mmap(NULL, facts.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (frame == MAP_FAILED)
		return perror("mmap"), 2;
	room = facts.st_size - sizeof(*frame);
	while (length < room && (n = read(0, frame->data + length, room - length)) > 0)
		length += n;
	if (n != 0)
		return fprintf(stderr, "qemu_hand_out: no room for more than %zu bytes\n", room), 1;
	frame->length = length;
	frame->crc = crc32_of(frame->data, length, 0);
	memcpy(frame->magic, "FBGUEST1", sizeof(frame->magic));
	return 0;
}
